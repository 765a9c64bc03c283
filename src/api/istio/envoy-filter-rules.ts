// What Istio demands of an EnvoyFilter beyond its schema, as its webhook does. Source: Istio, ValidateEnvoyFilter.
import { type Finding, invalid, type Path } from '#api/finding.ts';
import type { EnvoyFilterSpec } from '#api/istio/envoy-filter.ts';
import { checkRegex } from '#api/regex.ts';

type Patch = NonNullable<EnvoyFilterSpec['configPatches']>[number];

/** All broken rules, in the order of the patches. */
export function checkEnvoyFilter({ spec: { configPatches = [] } }: { readonly spec: EnvoyFilterSpec }): readonly Finding[] {
  return configPatches.flatMap((patch, index) => checkPatch(patch, ['spec', 'configPatches', index]));
}

function checkPatch({ applyTo, patch, match }: Patch, path: Path): readonly Finding[] {
  const findings: Finding[] = [];
  if (applyTo === undefined || applyTo === 'INVALID') findings.push(invalid([...path, 'applyTo'], 'key', 'a patch needs applyTo'));
  const operation = patch?.operation ?? 'INVALID';
  if (patch === undefined) findings.push(invalid([...path, 'patch'], 'key', 'a patch needs patch'));
  else if (operation === 'INVALID') findings.push(invalid([...path, 'patch', 'operation'], 'key', 'a patch needs an operation'));
  else if (operation !== 'REMOVE' && patch.value === undefined) {
    findings.push(invalid([...path, 'patch', 'value'], 'key', `operation ${operation} needs a value`));
  }
  const proxyVersion = match?.proxy?.proxyVersion ?? '';
  const problem = checkRegex(proxyVersion);
  if (problem !== undefined) {
    findings.push(invalid([...path, 'match', 'proxy', 'proxyVersion'], 'value', `${proxyVersion} is not a regular expression: ${problem}`));
  }
  return [...findings, ...checkMatch(applyTo, match, path)];
}

const listenerParts: readonly string[] = ['LISTENER', 'FILTER_CHAIN', 'NETWORK_FILTER', 'HTTP_FILTER', 'LISTENER_FILTER'];
const routeParts: readonly string[] = ['ROUTE_CONFIGURATION', 'VIRTUAL_HOST', 'HTTP_ROUTE'];

/** The object that is matched must be of the kind that is patched. */
function checkMatch(applyTo: Patch['applyTo'], match: Patch['match'], path: Path): readonly Finding[] {
  if (applyTo === undefined || match === undefined) return [];
  const wrong = (field: 'listener' | 'routeConfiguration' | 'cluster', fits: boolean): readonly Finding[] =>
    match[field] === undefined || fits ? [] : [invalid([...path, 'match', field], 'key', `applyTo ${applyTo} cannot be matched by ${field}`)];
  return [
    ...wrong('listener', listenerParts.includes(applyTo)),
    ...wrong('routeConfiguration', routeParts.includes(applyTo)),
    ...wrong('cluster', applyTo === 'CLUSTER'),
  ];
}
