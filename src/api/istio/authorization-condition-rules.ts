// What Istio demands of a condition (`when`) of an AuthorizationPolicy: which keys there are, and what their values look like.
// Source: Istio, security.ValidateAttribute.
import { type Finding, invalid, type Path } from '#api/finding.ts';
import type { WrittenCondition } from '#api/istio/authorization-policy.ts';
import { checkNotEmpty, checkPorts, checkRanges, checkServiceAccounts, wildcardProblem } from '#api/istio/authorization-value-rules.ts';
import { closest } from '#base/closest.ts';

type Check = (values: readonly string[], path: Path) => readonly Finding[];

/** Not as strict as from.source.trustDomains, as in Istio. */
const checkDomains: Check = (values, path) => [
  ...checkNotEmpty(values, path),
  ...values.flatMap((value, index) => {
    const problem = wildcardProblem(value);
    return problem === undefined ? [] : [invalid([...path, index], 'value', problem)];
  }),
];

const keys: Readonly<Record<string, Check>> = {
  'source.ip': checkRanges,
  'remote.ip': checkRanges,
  'source.namespace': checkNotEmpty,
  'source.serviceAccount': checkServiceAccounts,
  'source.principal': checkNotEmpty,
  'source.trustDomain': checkDomains,
  'request.auth.principal': checkNotEmpty,
  'request.auth.audiences': checkNotEmpty,
  'request.auth.presenter': checkNotEmpty,
  'destination.ip': checkRanges,
  'destination.port': checkPorts,
  'connection.sni': checkNotEmpty,
};

/** Keys with a name in brackets; the brackets are part of the pattern. */
const namedKeys: readonly { readonly prefix: string; readonly pattern: RegExp; readonly example: string }[] = [
  // Envoy refuses control characters in the name of a header, and the listener with it.
  { prefix: 'request.headers', pattern: /^request\.headers\[[^\u0000-\u001f\u007f]+\]$/, example: 'request.headers[x-role]' },
  { prefix: 'request.auth.claims', pattern: /^request\.auth\.claims(?:\[[^[\]]+\])+$/, example: 'request.auth.claims[groups]' },
  {
    prefix: 'experimental.envoy.filters.',
    pattern: /^experimental\.envoy\.filters\.[^[]+\[.+\]$/,
    example: 'experimental.envoy.filters.network.mysql_proxy[db.table]',
  },
];

const replaced: Readonly<Record<string, string>> = {
  'destination.namespace': 'a policy is for its own namespace: write metadata.namespace',
  'destination.name': 'write a selector',
  'destination.user': 'write a selector',
  'destination.labels': 'write a selector',
};

export function checkCondition({ key, values = [], notValues = [] }: WrittenCondition, path: Path): readonly Finding[] {
  if (key === '') return [invalid([...path, 'key'], 'value', 'key must not be empty')];
  const check = Object.hasOwn(keys, key) ? keys[key] : undefined;
  const named = namedKeys.find(({ prefix }) => key.startsWith(prefix));
  if (check === undefined && named === undefined) return [unknownKey(key, path)];
  if (values.length === 0 && notValues.length === 0) return [invalid(path, 'key', `the condition on ${key} needs values or notValues`)];
  if (named !== undefined && !named.pattern.test(key)) {
    return [invalid([...path, 'key'], 'value', `${key} does not say what of it is meant`, `write ${named.example}`)];
  }
  const checkValues = check ?? checkNotEmpty;
  return [...checkValues(values, [...path, 'values']), ...checkValues(notValues, [...path, 'notValues'])];
}

function unknownKey(key: string, path: Path): Finding {
  const instead = replaced[key] ?? (key.startsWith('destination.labels') ? replaced['destination.labels'] : undefined);
  const near = closest(key, [...Object.keys(keys), ...namedKeys.map(({ example }) => example)]);
  const hint = instead ?? (near === undefined ? `keys are ${Object.keys(keys).join(', ')}` : `did you mean ${near}?`);
  return invalid([...path, 'key'], 'value', `there is no key ${key}`, hint);
}
