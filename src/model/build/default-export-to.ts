// MeshConfig's defaults for exportTo, by kind.
import { checkExportTo } from '#api/istio/export-to-rules.ts';
import type { MeshSettings } from '#model/mesh.ts';

type Problem = { readonly field: string; readonly message: string };

const fields = {
  service: 'defaultServiceExportTo',
  virtualService: 'defaultVirtualServiceExportTo',
  destinationRule: 'defaultDestinationRuleExportTo',
} as const;

/** The fields of MeshConfig that this file reads. */
export const exportToFields: readonly string[] = Object.values(fields);

/** A list that no resource could have is a problem, and everywhere holds. */
export function readDefaultExportTo(config: Readonly<Record<string, unknown>>, problems: Problem[]): Pick<MeshSettings, 'defaultExportTo'> {
  const service = readList(config, fields.service, problems);
  const virtualService = readList(config, fields.virtualService, problems);
  const destinationRule = readList(config, fields.destinationRule, problems);
  if (service === undefined && virtualService === undefined && destinationRule === undefined) return {};
  return {
    defaultExportTo: {
      ...(service !== undefined && { service }),
      ...(virtualService !== undefined && { virtualService }),
      ...(destinationRule !== undefined && { destinationRule }),
    },
  };
}

function readList(config: Readonly<Record<string, unknown>>, field: string, problems: Problem[]): readonly string[] | undefined {
  const value = config[field];
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value) || !value.every((entry) => typeof entry === 'string')) {
    problems.push({ field, message: 'must be a list of namespaces' });
    return undefined;
  }
  const findings = checkExportTo(value, [], { isServiceEntry: field === fields.service });
  problems.push(...findings.map(({ message }) => ({ field, message: `is wrong: ${message}` })));
  return findings.length === 0 && value.length > 0 ? value : undefined;
}
