// What Istio demands of an AuthorizationPolicy beyond its schema, as its webhook does, and what Envoy would refuse the whole listener for: such a
// policy is refused here, where its line is known. Source: Istio, ValidateAuthorizationPolicy; Envoy, uri_template.
import { type Finding, invalid, type Path } from '#api/finding.ts';
import { checkCondition } from '#api/istio/authorization-condition-rules.ts';
import type { AuthorizationPolicySpec, WrittenOperation, WrittenRule, WrittenSource } from '#api/istio/authorization-policy.ts';
import { checkNotEmpty, checkPaths, checkPorts, checkRanges, checkServiceAccounts, checkTrustDomains } from '#api/istio/authorization-value-rules.ts';
import { checkPolicyTargets } from '#api/istio/policy-target-rules.ts';

/** All broken rules, in the order of the rules. */
export function checkAuthorizationPolicy({ spec }: { readonly spec: AuthorizationPolicySpec }): readonly Finding[] {
  const { rules = [] } = spec;
  return [
    ...checkPolicyTargets(spec),
    ...checkAction(spec),
    ...rules.flatMap((rule, index) => [
      ...checkRule(rule, ['spec', 'rules', index]),
      ...(spec.action === 'CUSTOM' ? checkCustomRule(rule, ['spec', 'rules', index]) : []),
    ]),
  ];
}

const addEmptyRule = 'write rules: [{}] for every request';

function checkAction({ action = 'ALLOW', rules = [], provider }: AuthorizationPolicySpec): readonly Finding[] {
  const isCustom = action === 'CUSTOM';
  const never = (isCustom || action === 'DENY') && rules.length === 0;
  const unnamed = isCustom && (provider?.name ?? '') === '';
  return [
    ...(never ? [invalid(['spec', 'rules'], 'key', `action ${action} without rules never acts`, addEmptyRule)] : []),
    ...(unnamed ? [invalid(['spec', 'provider'], 'key', 'action CUSTOM needs provider.name', 'name one of MeshConfig.extensionProviders')] : []),
    ...(!isCustom && provider !== undefined ? [invalid(['spec', 'provider'], 'key', `provider is for action CUSTOM, not for ${action}`)] : []),
  ];
}

function checkRule({ from, to, when = [] }: WrittenRule, path: Path): readonly Finding[] {
  return [
    ...(from?.length === 0 ? [invalid([...path, 'from'], 'key', 'from must not be empty', 'leave it out for any caller')] : []),
    ...(from ?? []).flatMap(({ source }, index) => checkSource(source, [...path, 'from', index])),
    ...(to?.length === 0 ? [invalid([...path, 'to'], 'key', 'to must not be empty', 'leave it out for any operation')] : []),
    ...(to ?? []).flatMap(({ operation }, index) => checkOperation(operation, [...path, 'to', index])),
    ...when.flatMap((condition, index) => checkCondition(condition, [...path, 'when', index])),
  ];
}

function checkSource(source: WrittenSource | undefined, path: Path): readonly Finding[] {
  const at: Path = [...path, 'source'];
  if (source === undefined) return [invalid(path, 'key', 'an item of from needs source')];
  if (isEmpty(source)) return [invalid(at, 'key', 'source must not be empty', 'leave out from for any caller')];
  const named = [source.principals, source.notPrincipals, source.namespaces, source.notNamespaces];
  const accounts = [source.serviceAccounts, source.notServiceAccounts];
  const mixes = named.some(hasValues) && accounts.some(hasValues);
  return [
    ...(mixes ? [invalid([...at, 'serviceAccounts'], 'key', 'serviceAccounts cannot stand beside principals or namespaces', 'write two rules')] : []),
    ...both(source, 'principals', 'notPrincipals', at, checkNotEmpty),
    ...both(source, 'requestPrincipals', 'notRequestPrincipals', at, checkNotEmpty),
    ...both(source, 'namespaces', 'notNamespaces', at, checkNotEmpty),
    ...both(source, 'serviceAccounts', 'notServiceAccounts', at, checkServiceAccounts),
    ...both(source, 'trustDomains', 'notTrustDomains', at, checkTrustDomains),
    ...both(source, 'ipBlocks', 'notIpBlocks', at, checkRanges),
    ...both(source, 'remoteIpBlocks', 'notRemoteIpBlocks', at, checkRanges),
  ];
}

function checkOperation(operation: WrittenOperation | undefined, path: Path): readonly Finding[] {
  const at: Path = [...path, 'operation'];
  if (operation === undefined) return [invalid(path, 'key', 'an item of to needs operation')];
  if (isEmpty(operation)) return [invalid(at, 'key', 'operation must not be empty', 'leave out to for any operation')];
  return [
    ...both(operation, 'hosts', 'notHosts', at, checkNotEmpty),
    ...both(operation, 'ports', 'notPorts', at, checkPorts),
    ...both(operation, 'methods', 'notMethods', at, checkNotEmpty),
    ...both(operation, 'paths', 'notPaths', at, checkPaths),
  ];
}

type Lists = Readonly<Record<string, readonly string[] | undefined>>;

function both(
  lists: Lists,
  name: string,
  notName: string,
  at: Path,
  check: (values: readonly string[], path: Path) => readonly Finding[],
): readonly Finding[] {
  return [...check(lists[name] ?? [], [...at, name]), ...check(lists[notName] ?? [], [...at, notName])];
}

function isEmpty(lists: Lists): boolean {
  return !Object.values(lists).some(hasValues);
}

function hasValues(values: readonly string[] | undefined): boolean {
  return values !== undefined && values.length > 0;
}

const identities = ['namespaces', 'serviceAccounts', 'trustDomains', 'principals', 'requestPrincipals'] as const;
const identityKeys = ['source.namespace', 'source.serviceAccount', 'source.trustDomain', 'source.principal'];

/** Who calls is for the provider to find out: Istio asks it before it looks at any identity. */
function checkCustomRule({ from = [], when = [] }: WrittenRule, path: Path): readonly Finding[] {
  const no = (at: Path, name: string): Finding => invalid(at, 'key', `${name} cannot be asked for with action CUSTOM`, 'leave it to the provider');
  return [
    ...from.flatMap(({ source = {} }, index) => {
      const lists: Lists = source;
      return identities
        .flatMap((name) => [name, `not${name.charAt(0).toUpperCase()}${name.slice(1)}`])
        .filter((name) => hasValues(lists[name]))
        .map((name) => no([...path, 'from', index, 'source', name], name));
    }),
    ...when.flatMap(({ key }, index) =>
      identityKeys.includes(key) || key.startsWith('request.auth.') ? [no([...path, 'when', index, 'key'], key)] : [],
    ),
  ];
}
