// The texts that `apply` and `delete -f` are given → the resources in them as plain values, with the namespace that was asked for where they name none.
// All findings keep the place in the text as it was given.

import type { ManifestRequest, VerbFailure } from '#admin/client/verbs.ts';
import { lookUpKind } from '#api/kind-lookup.ts';
import type { AnyResource } from '#api/kinds.ts';
import { readText } from '#api/read-text.ts';
import { parseYaml } from '#api/yaml-document.ts';
import type { AppliedValue } from '#app/verbs/applied-resources.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { isObject } from '#base/object.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { idOf } from '#sources/next-snapshot.ts';

export type ReadManifests = {
  readonly values: readonly AppliedValue[];
  /** As they will be in force, with their places in the texts. */
  readonly resources: readonly AnyResource[];
  readonly diagnostics: readonly Diagnostic[];
};

/** Fails where a text cannot be read, a resource is not valid, there is none, or one names another namespace than was asked for. */
export function readManifests({ files, namespace }: ManifestRequest): Result<ReadManifests, VerbFailure> {
  const values: AppliedValue[] = [];
  const resources: AnyResource[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const { file, text } of files) {
    const { items, syntaxErrors } = readText(file, text);
    diagnostics.push(...syntaxErrors, ...items.flatMap((item) => item.diagnostics));
    const written = new Map(
      parseYaml(text)
        .flatMap(({ value }) => valuesIn(value))
        .map((value) => [idOfValue(value), value]),
    );
    for (const { resource } of items) {
      if (resource === undefined) continue;
      const value = written.get(idOf(resource));
      if (value === undefined) continue;
      const isPlaced = namespace === undefined || resource.metadata.namespace === '';
      const named = isObject(value['metadata']) && (value['metadata']['namespace'] ?? '') !== '';
      if (!isPlaced && named && resource.metadata.namespace !== namespace) {
        const message = `${resource.kind} ${resource.metadata.name} is of namespace ${resource.metadata.namespace}, and -n says ${namespace}`;
        diagnostics.push({ code: 'HDL0450', severity: 'error', message, at: resource.origins.at(['metadata', 'namespace']) });
        continue;
      }
      const placed = isPlaced ? resource : withNamespace(resource, namespace);
      resources.push(placed);
      const { namespace: inNamespace } = placed.metadata;
      const metadata = { ...(isObject(value['metadata']) ? value['metadata'] : {}), ...(inNamespace !== '' && { namespace: inNamespace }) };
      values.push({ id: idOf(placed), value: { ...value, metadata } });
    }
  }
  if (diagnostics.some(({ severity }) => severity === 'error'))
    return failed({ status: 422, error: 'nothing was changed: what was sent is not valid', diagnostics });
  if (values.length === 0) return failed({ status: 422, error: `there is no resource in ${files.map(({ file }) => file).join(', ')}`, diagnostics });
  return ok({ values, resources, diagnostics });
}

function withNamespace(resource: AnyResource, namespace: string): AnyResource {
  return { ...resource, metadata: { ...resource.metadata, namespace } };
}

type Value = Readonly<Record<string, unknown>>;

/** The resource that a document is, or those of a List. */
function valuesIn(value: unknown): readonly Value[] {
  if (!isObject(value)) return [];
  const { kind, items } = value;
  return typeof kind === 'string' && kind.endsWith('List') && Array.isArray(items) ? items.flatMap(valuesIn) : [value];
}

/** As `idOf` makes it of the resource that is read from it. */
function idOfValue({ apiVersion, kind, metadata }: Value): string {
  const lookup = lookUpKind(String(apiVersion), String(kind));
  if (lookup.kind !== 'read' || !isObject(metadata)) return '';
  const { name, namespace } = metadata;
  if (lookup.definition.scope === 'cluster') return `${lookup.name}/${String(name)}`;
  return `${lookup.name}/${String((namespace ?? '') === '' ? 'default' : namespace)}/${String(name)}`;
}
