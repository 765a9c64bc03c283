// Rules that ask for HTTP where there are only bytes, that ask for tokens nobody checks, or that contradict themselves.
import type { Diagnostic } from '#base/diagnostic.ts';
import type { AuthorizationPolicy, AuthorizationRule, Values } from '#model/authorization-policy.ts';
import { type FindingsContext, titleOf } from '#model/build/authorization-findings-context.ts';
import type { ReachedWorkload } from '#model/policy-reach.ts';
import { policyIsFor } from '#model/policy-target.ts';

/** `enforcing`: at least one workload. */
export function ruleDiagnostics(policy: AuthorizationPolicy, enforcing: readonly ReachedWorkload[], context: FindingsContext): readonly Diagnostic[] {
  const checksTokens = once(() => enforcing.some((one) => hasRequestAuthentication(one, context)));
  return policy.rules.flatMap((rule) => [
    ...bytesDiagnostics(policy, rule, enforcing, context),
    ...contradictions(policy, rule),
    ...hostDiagnostics(policy, rule),
    ...(asksTokens(rule) && !checksTokens() ? [noTokens(policy, rule)] : []),
    ...(asksAddresses(rule) && enforcing.every(({ workload }) => workload.localPorts !== undefined) ? [onThisMachine(policy, rule)] : []),
  ]);
}

function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

export function isAsked({ values, not }: Values): boolean {
  return values.length > 0 || not.length > 0;
}

function asksHttp({ from, to, when }: AuthorizationRule): boolean {
  return (
    from.some(({ requestPrincipals }) => isAsked(requestPrincipals)) ||
    to.some(({ hosts, methods, paths }) => isAsked(hosts) || isAsked(methods) || isAsked(paths)) ||
    when.some(({ key }) => key.startsWith('request.'))
  );
}

/** The ports that a rule is about; undefined: all. */
function portsOf({ to, when }: AuthorizationRule): readonly number[] | undefined {
  const condition = when.find(({ key, values }) => key === 'destination.port' && values.length > 0);
  if (condition !== undefined) return condition.values.map(Number);
  if (to.length === 0 || to.some(({ ports }) => ports.values.length === 0)) return undefined;
  return to.flatMap(({ ports }) => ports.values.map(Number));
}

const consequences = {
  allow: 'lets nobody in',
  deny: 'denies whatever its other fields pick',
  audit: 'logs whatever its other fields pick',
  custom: 'has the provider asked about whatever its other fields pick, if about anything',
} as const;

/** HDL0075. What a gateway's ports carry is said by its servers, and not asked here. */
function bytesDiagnostics(
  policy: AuthorizationPolicy,
  rule: AuthorizationRule,
  enforcing: readonly ReachedWorkload[],
  { ports }: FindingsContext,
): readonly Diagnostic[] {
  if (!asksHttp(rule)) return [];
  const sidecars = enforcing.filter(({ type }) => type === 'sidecar').map(({ workload }) => ({ workload, served: ports(workload) }));
  if (sidecars.length === 0 || sidecars.length < enforcing.length) return [];
  const named = portsOf(rule);
  const onBytes = sidecars.map(({ workload, served }) => {
    const bytes = [...served.bytes].filter((port) => named?.includes(port) ?? true);
    const all = named === undefined ? served.http.size === 0 && bytes.length > 0 : bytes.length > 0 && named.every((port) => served.bytes.has(port));
    return { workload, bytes, all };
  });
  const where = (): string => [...new Set(onBytes.flatMap(({ bytes }) => bytes))].sort((a, b) => a - b).join(', ');
  const common = { code: 'HDL0075', at: rule.origin } as const;
  const consequence = consequences[policy.action.kind];
  if (onBytes.every(({ all }) => all)) {
    const message = `${titleOf(policy)}: the rule asks for HTTP on port ${where()}, which carries bytes, and so ${consequence}`;
    const hint =
      'declare the port as HTTP (its name or appProtocol in the Service), or ask for what bytes have: principals, namespaces, ipBlocks, ports';
    return [{ ...common, severity: 'error', message, hint }];
  }
  const wider = policy.action.kind === 'deny' && named === undefined && onBytes.some(({ bytes }) => bytes.length > 0);
  if (!wider) return [];
  const message = `${titleOf(policy)}: the rule asks for HTTP, and on port ${where()}, which carries bytes, ${consequence}`;
  return [{ ...common, severity: 'warning', message, hint: 'name the ports of HTTP that it is meant for in to.operation.ports' }];
}

/** HDL0078 for fields whose every value is excluded again. */
function contradictions(policy: AuthorizationPolicy, { from, to, when }: AuthorizationRule): readonly Diagnostic[] {
  const found: Diagnostic[] = [];
  const check = (name: string, { values, not }: Values, at: Diagnostic['at']): void => {
    if (values.length === 0 || not.length === 0 || !values.every((value) => not.includes(value) || not.includes('*'))) return;
    const message = `${titleOf(policy)}: ${name} excludes all that it names, so this part of the rule never matches`;
    found.push({ code: 'HDL0078', severity: 'warning', message, ...(at !== undefined && { at }) });
  };
  for (const { origin, ...fields } of [...from, ...to]) for (const [name, values] of Object.entries(fields)) check(name, values, origin);
  for (const { key, origin, values, not } of when) check(key, { values, not }, origin);
  return found;
}

/**
 * HDL0085 where a host is to be kept out: by `hosts` of what denies, by `notHosts` of what lets in. As in Istio the field Host is compared as it came, so the
 * same name with a port is another one.
 */
function hostDiagnostics(policy: AuthorizationPolicy, { to }: AuthorizationRule): readonly Diagnostic[] {
  const { kind } = policy.action;
  if (kind !== 'deny' && kind !== 'allow') return [];
  return to.flatMap(({ hosts, origin }) => {
    const kept = kind === 'deny' ? hosts.values : hosts.not;
    const [open] = kept.filter((host) => !host.endsWith('*') && !/:\d+$/.test(host) && !isCovered(host, kept));
    if (open === undefined) return [];
    const field = kind === 'deny' ? 'hosts' : 'notHosts';
    const hint = open.startsWith('*') ? `name the hosts, each also with :*` : `write ${open}:* beside it`;
    const message = `${titleOf(policy)}: ${field} keeps out ${open}, and not ${open.replace('*', 'x')}:80, as which clients can ask for it`;
    return [{ code: 'HDL0085', severity: 'warning', message, hint, at: origin }];
  });
}

/** Whether one of the other patterns takes the host with any port. */
function isCovered(host: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => pattern.endsWith('*') && `${host}:`.startsWith(pattern.slice(0, -1)));
}

function asksTokens({ from, when }: AuthorizationRule): boolean {
  return from.some(({ requestPrincipals }) => isAsked(requestPrincipals)) || when.some(({ key }) => key.startsWith('request.auth.'));
}

function hasRequestAuthentication({ workload, type }: ReachedWorkload, { mesh }: FindingsContext): boolean {
  const subject = { type, namespace: workload.namespace, labels: workload.labels };
  return mesh.requestAuthentications.some((authentication) => policyIsFor(authentication, subject, mesh));
}

/** HDL0079. */
function noTokens(policy: AuthorizationPolicy, rule: AuthorizationRule): Diagnostic {
  return {
    code: 'HDL0079',
    severity: 'warning',
    message: `${titleOf(policy)}: the rule asks for claims, and no RequestAuthentication checks tokens for its workloads, so no request has any`,
    hint: 'add a RequestAuthentication for the same workloads',
    at: rule.origin,
  };
}

function asksAddresses({ from, when }: AuthorizationRule): boolean {
  return from.some(({ ipBlocks }) => isAsked(ipBlocks)) || when.some(({ key }) => key === 'source.ip' || key === 'destination.ip');
}

/** HDL0404. */
function onThisMachine(policy: AuthorizationPolicy, rule: AuthorizationRule): Diagnostic {
  return {
    code: 'HDL0404',
    severity: 'warning',
    message: `${titleOf(policy)}: the rule goes by addresses, and on this machine every call is from 127.0.0.1 to 127.0.0.1`,
    hint: 'go by principals or namespaces, or by remoteIpBlocks, which follow X-Forwarded-For',
    at: rule.origin,
  };
}
