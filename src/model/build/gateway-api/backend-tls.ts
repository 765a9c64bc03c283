// BackendTLSPolicies. In: the policies, the services they are about and the roots they name. Out: the same as destination rules of the model, which say
// TLS and nothing else, and the conditions of each policy. Roots that cannot be had leave a rule with which nothing is called. Source: Istio,
// BackendTLSPolicyCollection and DestinationRuleCollection.
import type { BackendTlsPolicySpec } from '#api/gateway-api/backend-tls-policy.ts';
import type { KindMap, ResourcesByKind } from '#api/kinds.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { PartsCache } from '#base/identity-cache.ts';
import { conditionOf, type Problem, problemDiagnostic } from '#model/build/gateway-api/problem.ts';
import type { ReferentMap } from '#model/build/gateway-api/references.ts';
import { serviceHostname } from '#model/build/host-resolution.ts';
import { inOrderOfPrecedence } from '#model/build/precedence.ts';
import type { ClientTls, DestinationRule, TrafficPolicy } from '#model/destination-rule.ts';
import type { GatewayApiStatus, ParentStatus } from '#model/gateway-api.ts';
import type { MeshSettings } from '#model/mesh.ts';

type Policy = KindMap['BackendTLSPolicy'];
type Target = BackendTlsPolicySpec['targetRefs'][number];

export type BackendTlsParts = {
  readonly destinationRules: readonly DestinationRule[];
  readonly statuses: readonly GatewayApiStatus[];
  readonly diagnostics: readonly Diagnostic[];
};

export type BackendTlsContext = { readonly resources: ResourcesByKind; readonly referents: () => ReferentMap; readonly settings: MeshSettings };

export class BackendTlsMemo {
  readonly rules = new PartsCache<DestinationRule>();
}

const nothing: BackendTlsParts = { destinationRules: [], statuses: [], diagnostics: [] };

/** A policy for one host, or one port of it. */
type Part = { readonly policy: Policy; readonly target: Target; readonly host: string; readonly port: number | undefined; readonly tls: ClientTls };

export function buildBackendTls(context: BackendTlsContext, memo: BackendTlsMemo): BackendTlsParts {
  const policies = inOrderOfPrecedence(context.resources.BackendTLSPolicy.values());
  if (policies.length === 0) return nothing;
  const taken = new Map<string, Policy>();
  const read = policies.map((policy) => readPolicy(policy, taken, context));
  const byHost = Map.groupBy(
    read.flatMap(({ parts }) => parts),
    ({ host }) => host,
  );
  return {
    destinationRules: [...byHost].map(([host, parts]) => {
      const key = `${host} ${JSON.stringify(parts.map(({ port, tls }) => [port, tls.credentialName]))}`;
      return memo.rules.get(key, [...new Set(parts.map(({ policy }) => policy))], () => ruleOf(host, parts));
    }),
    statuses: read.map(({ status }) => status),
    diagnostics: read.flatMap(({ problems }) => problems.map(problemDiagnostic)),
  };
}

type ReadPolicy = { readonly parts: readonly Part[]; readonly status: GatewayApiStatus; readonly problems: readonly Problem[] };

/** `taken`: who has a target already; the older one has it. */
function readPolicy(policy: Policy, taken: Map<string, Policy>, context: BackendTlsContext): ReadPolicy {
  const { metadata, spec, origins } = policy;
  const roots = rootsOf(policy, context.referents());
  const tls = clientTls(policy, roots.credentialName);
  const parts: Part[] = [];
  const parents: ParentStatus[] = [];
  const problems: Problem[] = [...roots.problems.filter(({ condition }) => condition === 'ResolvedRefs')];
  for (const [index, target] of spec.targetRefs.entries()) {
    const found = hostsOf(target, index, policy, taken, context);
    if ('problem' in found) problems.push(found.problem);
    else for (const host of found.hosts) parts.push({ policy, target, host, port: found.port, tls });
    const own = 'problem' in found ? [found.problem, ...roots.problems] : roots.problems;
    const section = target.sectionName === undefined ? '' : `/${target.sectionName}`;
    parents.push({
      parent: `${target.kind} ${metadata.namespace}/${target.name}${section}`,
      origin: origins.at(['spec', 'targetRefs', index]),
      conditions: [
        conditionOf('Accepted', own, { reason: 'Accepted', message: 'the policy is in force' }, metadata.generation),
        conditionOf('ResolvedRefs', own, { reason: 'ResolvedRefs', message: 'every reference leads somewhere' }, metadata.generation),
      ],
    });
  }
  const { name, namespace } = metadata;
  return { parts, problems, status: { kind: 'BackendTLSPolicy', namespace, name, origin: origins.start, conditions: [], parents } };
}

type Found = { readonly hosts: readonly string[]; readonly port: number | undefined } | { readonly problem: Problem };

function hostsOf(target: Target, index: number, policy: Policy, taken: Map<string, Policy>, { resources, settings }: BackendTlsContext): Found {
  const { group, kind, name, sectionName = '' } = target;
  const { namespace } = policy.metadata;
  const problem = (reason: string, message: string, field: string, hint?: string): Found => ({
    problem: {
      condition: 'Accepted',
      reason,
      message,
      at: policy.origins.at(['spec', 'targetRefs', index, field]),
      ...(hint !== undefined && { hint }),
    },
  });
  const isService = group === '' && kind === 'Service';
  const isEntry = group === 'networking.istio.io' && kind === 'ServiceEntry';
  if (!isService && !isEntry) return problem('TargetNotFound', `a policy of TLS is for a Service or a ServiceEntry, not for ${kind} ${name}`, 'kind');
  const service = isService ? resources.Service.get(`${namespace}/${name}`) : undefined;
  const entry = isEntry ? resources.ServiceEntry.get(`${namespace}/${name}`) : undefined;
  if (service === undefined && entry === undefined) return problem('TargetNotFound', `target not found: ${kind} ${namespace}/${name}`, 'name');
  const ports = [
    ...(service?.spec.ports ?? []).map(({ name: portName = '', port }) => ({ name: portName, number: port })),
    ...(entry?.spec.ports ?? []),
  ];
  const port = sectionName === '' ? undefined : ports.find((one) => one.name === sectionName);
  if (sectionName !== '' && port === undefined) {
    const names = ports.flatMap((one) => (one.name === '' ? [] : [one.name])).join(', ');
    const message = `${kind} ${namespace}/${name} has no port with the name ${sectionName}`;
    return problem('TargetNotFound', message, 'sectionName', names === '' ? 'its ports have no names' : `it has ${names}`);
  }
  const key = `${kind}/${namespace}/${name}/${sectionName}`;
  const holder = taken.get(key);
  if (holder !== undefined) {
    const message = `BackendTLSPolicy ${holder.metadata.name} is about the same target`;
    return problem('Conflicted', message, 'name', 'the older policy counts, then the first by name');
  }
  taken.set(key, policy);
  return { hosts: service === undefined ? (entry?.spec.hosts ?? []) : [serviceHostname(name, namespace, settings.domain)], port: port?.number };
}

/** `credentialName`: undefined where the system's roots count; one that nothing is found by where the roots cannot be had. */
type Roots = { readonly credentialName: string | undefined; readonly problems: readonly Problem[] };

/** As in Istio a name that no credential can have: whoever needs it calls nothing. */
const noRoots = 'invalid://';

/** The first reference counts, as in Istio. */
function rootsOf({ metadata: { namespace }, spec, origins }: Policy, referents: ReferentMap): Roots {
  const { caCertificateRefs = [], wellKnownCACertificates } = spec.validation;
  const [reference] = caCertificateRefs;
  const failed = (field: readonly (string | number)[], reason: string, message: string, hint: string): Roots => {
    const at = origins.at(['spec', 'validation', ...field]);
    const none: Problem = { condition: 'Accepted', reason: 'NoValidCACertificate', message: `there are no roots that can be used: ${message}`, at };
    return { credentialName: noRoots, problems: [{ condition: 'ResolvedRefs', reason, message, hint, at }, none] };
  };
  if (reference === undefined) {
    if (wellKnownCACertificates === 'System') return { credentialName: undefined, problems: [] };
    return failed(
      ['wellKnownCACertificates'],
      'Invalid',
      `${wellKnownCACertificates ?? ''} are no well-known roots`,
      'write System, or name a ConfigMap',
    );
  }
  const { group, kind, name } = reference;
  const field = ['caCertificateRefs', 0, 'name'];
  if (group !== '' || kind !== 'ConfigMap')
    return failed(field, 'InvalidKind', `roots are in a ConfigMap, not in a ${kind}`, 'put them under the key ca.crt');
  const referent = referents.get(`config-map/${namespace}/${name}`);
  if (referent?.roots === true) return { credentialName: `configmap://${namespace}/${name}`, problems: [] };
  const message = `ConfigMap ${namespace}/${name} ${referent === undefined ? 'not found' : 'holds no roots that can be used'}`;
  return failed(field, 'InvalidCACertificateRef', message, 'it needs the key ca.crt with certificates in PEM');
}

/** The server must be who it is asked for, or have one of the names; Istio leaves out the former. */
function clientTls({ spec: { validation }, origins }: Policy, credentialName: string | undefined): ClientTls {
  const names = (validation.subjectAltNames ?? []).flatMap(({ type, hostname, uri }) => (type === 'URI' ? uri : hostname) ?? []);
  return {
    mode: 'simple',
    sni: validation.hostname,
    subjectAltNames: names.length > 0 ? names : [validation.hostname],
    insecureSkipVerify: false,
    ...(credentialName !== undefined && { credentialName, forEverybody: true as const }),
    origin: origins.at(['spec', 'validation']),
  };
}

/** `parts` is not empty. A policy for one port goes before one for all. */
function ruleOf(host: string, parts: readonly Part[]): DestinationRule {
  const whole = parts.find(({ port }) => port === undefined);
  const first = whole ?? parts[0];
  if (first === undefined) throw new Error(`no policy is about ${host}`);
  const origin = first.policy.origins.start;
  const ports = new Map<number, TrafficPolicy>();
  for (const { port, tls } of parts) if (port !== undefined) ports.set(port, { tls, origin: tls.origin });
  return {
    name: ruleName(first.target, host),
    namespace: first.policy.metadata.namespace,
    host: { written: host, hostname: host.toLowerCase(), origin },
    policy: { ...(whole !== undefined && { tls: whole.tls }), ports, origin: first.tls.origin },
    subsets: [],
    visibility: { kind: 'everywhere' },
    addsTls: true,
    origin,
  };
}

/** Source: Istio, generateDRName. */
function ruleName({ kind, name }: Target, host: string): string {
  return `${name}${kind === 'ServiceEntry' ? `~${host.replaceAll('.', '-')}` : ''}~istio-autogenerated-k8s-gateway`;
}
