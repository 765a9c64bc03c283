// In: a YAML file with a WorkloadGroup. Out: the node metadata by which a proxy registers itself in it and probes its app: what
// `istioctl x workload entry configure` writes for a machine.
import { readFile } from 'node:fs/promises';
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import type { KindMap } from '#api/kinds.ts';
import { readText } from '#api/read-text.ts';
import { formatDiagnostic } from '#base/diagnostic.ts';
import { failed, ok, type Result } from '#base/result.ts';

/** The error is one sentence, or what is wrong with the group, with its line. */
export async function groupMetadata(file: string): Promise<Result<JsonObject, string>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error));
  }
  const { items, syntaxErrors } = readText(file, text);
  const problems = [...syntaxErrors, ...items.flatMap(({ diagnostics }) => diagnostics)].filter(({ severity }) => severity === 'error');
  if (problems.length > 0) return failed(problems.map((problem) => formatDiagnostic(problem)).join('\n'));
  const groups = items.flatMap(({ resource }) => (resource?.kind === 'WorkloadGroup' ? [resource] : []));
  const [group] = groups;
  if (group === undefined || groups.length > 1) return failed(`${file} has ${groups.length} WorkloadGroups, and one is needed`);
  return ok(metadataOf(group));
}

function metadataOf({ metadata, spec }: KindMap['WorkloadGroup']): JsonObject {
  const { serviceAccount } = spec.template;
  return {
    AUTO_REGISTER_GROUP: metadata.name,
    NAMESPACE: metadata.namespace,
    ...(serviceAccount !== undefined && { SERVICE_ACCOUNT: serviceAccount }),
    // What was read from YAML by its schema is JSON.
    ...(spec.probe !== undefined && { PROXY_CONFIG: { readinessProbe: spec.probe as JsonValue } }),
  };
}
