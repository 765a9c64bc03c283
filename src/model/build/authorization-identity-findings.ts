// Rules about who calls, where callers may come without saying who they are: a rule that denies somebody is passed by without mutual TLS.
import type { Diagnostic } from '#base/diagnostic.ts';
import type { AuthorizationPolicy, AuthorizationRule, AuthorizationSource, Values } from '#model/authorization-policy.ts';
import { type FindingsContext, titleOf } from '#model/build/authorization-findings-context.ts';
import { isAsked } from '#model/build/authorization-rule-findings.ts';
import { workloadMtls } from '#model/effective-mtls.ts';
import type { ReachedWorkload } from '#model/policy-reach.ts';

/** HDL0077. What a gateway knows of its callers is up to its servers, and not asked here. */
export function identityDiagnostics(
  policy: AuthorizationPolicy,
  enforcing: readonly ReachedWorkload[],
  { mtls }: FindingsContext,
): readonly Diagnostic[] {
  const asking = policy.rules.filter((rule) => identities(rule).some(isAsked));
  if (asking.length === 0) return [];
  const modes = new Set(
    enforcing
      .filter(({ type }) => type === 'sidecar')
      .map(({ workload: { namespace, labels } }) => {
        const { mode, ports } = workloadMtls(mtls, namespace, labels);
        // A port that takes plaintext is a way in.
        return [mode, ...ports.values()].includes('permissive') && mode !== 'disable' ? 'permissive' : mode;
      }),
  );
  if (modes.size === 1 && modes.has('disable')) return asking.map((rule) => withoutIdentities(policy, rule));
  if (!modes.has('permissive')) return [];
  return asking.filter((rule) => isPassedBy(policy, rule)).map((rule) => passedBy(policy, rule));
}

function ofSource({ principals, namespaces, serviceAccounts, trustDomains }: AuthorizationSource): readonly Values[] {
  return [principals, namespaces, serviceAccounts, trustDomains];
}

const identityKeys: readonly string[] = ['source.principal', 'source.namespace', 'source.serviceAccount', 'source.trustDomain'];

function identities({ from, when }: AuthorizationRule): readonly Values[] {
  return [...from.flatMap(ofSource), ...when.filter(({ key }) => identityKeys.includes(key))];
}

/** Whether a caller without an identity gets what one with the wrong identity would not. */
function isPassedBy({ action }: AuthorizationPolicy, rule: AuthorizationRule): boolean {
  const all = identities(rule);
  if (action.kind === 'deny') return all.some(({ values }) => values.length > 0);
  return action.kind === 'allow' && all.some(({ not }) => not.length > 0) && all.every(({ values }) => values.length === 0);
}

const beStrict = 'demand mutual TLS: a PeerAuthentication with mtls.mode STRICT';

function passedBy(policy: AuthorizationPolicy, rule: AuthorizationRule): Diagnostic {
  return {
    code: 'HDL0077',
    severity: 'warning',
    message: `${titleOf(policy)}: the rule goes by who calls, and its workloads take plaintext, too: whoever calls without mutual TLS gets past it`,
    hint: beStrict,
    at: rule.origin,
  };
}

function withoutIdentities(policy: AuthorizationPolicy, rule: AuthorizationRule): Diagnostic {
  return {
    code: 'HDL0077',
    severity: 'warning',
    message: `${titleOf(policy)}: the rule goes by who calls, and mutual TLS is off for its workloads, so that nobody says who calls`,
    hint: beStrict,
    at: rule.origin,
  };
}
