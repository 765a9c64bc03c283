// AuthorizationPolicies as the model has them: lists side by side with their negations, each rule with its place.
import type { WrittenCondition, WrittenOperation, WrittenRule, WrittenSource } from '#api/istio/authorization-policy.ts';
import type { KindMap } from '#api/kinds.ts';
import type { FieldOrigins } from '#api/resource.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import type {
  AuthorizationCondition,
  AuthorizationOperation,
  AuthorizationPolicy,
  AuthorizationRule,
  AuthorizationSource,
  Values,
} from '#model/authorization-policy.ts';
import { createdMs } from '#model/build/precedence.ts';
import { targetReferences } from '#model/build/target-references.ts';

type PolicyResource = KindMap['AuthorizationPolicy'];

const dryRunAnnotation = 'istio.io/dry-run';

export function buildAuthorizationPolicy({ metadata, spec, origins }: PolicyResource): AuthorizationPolicy {
  const { selector, targetRef, targetRefs = [], rules = [] } = spec;
  const made = createdMs(metadata);
  const targets = targetRefs.length > 0 ? targetReferences(targetRefs, origins) : targetRef === undefined ? [] : [oldTarget(targetRef, origins)];
  return {
    name: metadata.name,
    namespace: metadata.namespace,
    ...(selector !== undefined && { selector: selector.matchLabels ?? {} }),
    ...(targets.length > 0 && { targets }),
    action: actionOf(spec),
    dryRun: isDryRun(spec.action, metadata.annotations[dryRunAnnotation]),
    rules: rules.map((rule, index) => buildRule(rule, ['spec', 'rules', index], origins)),
    ...(made > 0 && { createdMs: made }),
    origin: origins.start,
  };
}

function oldTarget({ group = '', kind, name }: NonNullable<PolicyResource['spec']['targetRef']>, origins: FieldOrigins) {
  return { group, kind, name, origin: origins.at(['spec', 'targetRef']) };
}

function actionOf({ action = 'ALLOW', provider }: PolicyResource['spec']): AuthorizationPolicy['action'] {
  switch (action) {
    case 'ALLOW':
      return { kind: 'allow' };
    case 'DENY':
      return { kind: 'deny' };
    case 'AUDIT':
      return { kind: 'audit' };
    case 'CUSTOM':
      return { kind: 'custom', provider: provider?.name ?? '' };
  }
}

/** The words that Go takes for a truth value. */
const truth: Readonly<Record<string, boolean>> = {
  ...Object.fromEntries(['1', 't', 'T', 'true', 'TRUE', 'True'].map((word) => [word, true])),
  ...Object.fromEntries(['0', 'f', 'F', 'false', 'FALSE', 'False'].map((word) => [word, false])),
};

/** What is not clear is acted on. */
function isDryRun(action: PolicyResource['spec']['action'], written: string | undefined): boolean {
  return written !== undefined && truth[written] === true && (action ?? 'ALLOW') !== 'AUDIT' && action !== 'CUSTOM';
}

type Path = readonly (string | number)[];

function buildRule({ from = [], to = [], when = [] }: WrittenRule, path: Path, origins: FieldOrigins): AuthorizationRule {
  return {
    from: from.map(({ source = {} }, index) => buildSource(source, [...path, 'from', index, 'source'], origins)),
    to: to.map(({ operation = {} }, index) => buildOperation(operation, [...path, 'to', index, 'operation'], origins)),
    when: when.map((condition, index) => buildCondition(condition, [...path, 'when', index], origins)),
    origin: origins.at(path),
  };
}

function buildSource(source: WrittenSource, path: Path, origins: FieldOrigins): AuthorizationSource {
  return {
    principals: values(source.principals, source.notPrincipals),
    requestPrincipals: values(source.requestPrincipals, source.notRequestPrincipals),
    namespaces: values(source.namespaces, source.notNamespaces),
    serviceAccounts: values(source.serviceAccounts, source.notServiceAccounts),
    trustDomains: values(source.trustDomains, source.notTrustDomains),
    ipBlocks: values(source.ipBlocks, source.notIpBlocks),
    remoteIpBlocks: values(source.remoteIpBlocks, source.notRemoteIpBlocks),
    origin: origins.at(path),
  };
}

function buildOperation(operation: WrittenOperation, path: Path, origins: FieldOrigins): AuthorizationOperation {
  return {
    hosts: values(operation.hosts, operation.notHosts),
    ports: values(operation.ports, operation.notPorts),
    methods: values(operation.methods, operation.notMethods),
    paths: values(operation.paths, operation.notPaths),
    origin: origins.at(path),
  };
}

function buildCondition(condition: WrittenCondition, path: Path, origins: FieldOrigins): AuthorizationCondition {
  return { key: condition.key, ...values(condition.values, condition.notValues), origin: origins.at(path) };
}

const none: Values = { values: [], not: [] };

function values(written: readonly string[] | undefined, not: readonly string[] | undefined): Values {
  return written === undefined && not === undefined ? none : { values: written ?? [], not: not ?? [] };
}

/** IST0106 for a dry-run annotation that Istio refuses: the policy is acted on. */
export function dryRunDiagnostics({ metadata, spec, origins }: PolicyResource): readonly Diagnostic[] {
  const written = metadata.annotations[dryRunAnnotation];
  if (written === undefined) return [];
  const { action = 'ALLOW' } = spec;
  const problem =
    truth[written] === undefined
      ? `the annotation ${dryRunAnnotation} must be true or false, not ${JSON.stringify(written)}`
      : action === 'AUDIT' || action === 'CUSTOM'
        ? `the annotation ${dryRunAnnotation} is for ALLOW and DENY, not for ${action}`
        : undefined;
  if (problem === undefined) return [];
  const at = origins.at(['metadata', 'annotations', dryRunAnnotation]);
  return [{ code: 'IST0106', severity: 'error', message: `AuthorizationPolicy: ${problem}`, hint: 'the policy is enforced', at }];
}
