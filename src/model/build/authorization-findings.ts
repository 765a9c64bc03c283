// What AuthorizationPolicies ask that cannot be done, or not as it is meant: a policy that is accepted is enforced, or its writer is told that it
// is not, and by whom. In: the mesh. Out: diagnostics, each at the policy or the rule that it is about.
import type { Diagnostic } from '#base/diagnostic.ts';
import type { AuthorizationPolicy } from '#model/authorization-policy.ts';
import { type FindingsContext, titleOf } from '#model/build/authorization-findings-context.ts';
import { identityDiagnostics } from '#model/build/authorization-identity-findings.ts';
import { ruleDiagnostics } from '#model/build/authorization-rule-findings.ts';
import { authorizerDiagnostics } from '#model/build/authorizer-findings.ts';
import { indexPeerAuthentications } from '#model/effective-mtls.ts';
import type { Mesh } from '#model/mesh.ts';
import { indexReach, type PolicyReach, policyReach } from '#model/policy-reach.ts';
import { type ServedPorts, servedPorts } from '#model/served-ports.ts';
import type { Workload } from '#model/workload.ts';

/** `mesh` without its diagnostics. */
export function authorizationDiagnostics(mesh: Omit<Mesh, 'diagnostics'>): readonly Diagnostic[] {
  const { authorizationPolicies: policies, peerAuthentications, settings } = mesh;
  if (policies.length === 0) return [];
  const whole: Mesh = { ...mesh, diagnostics: [] };
  const known = new Map<Workload, ServedPorts>();
  const context: FindingsContext = {
    mesh: whole,
    index: indexReach(whole),
    mtls: indexPeerAuthentications(peerAuthentications, settings.rootNamespace),
    ports: (workload) => {
      let found = known.get(workload);
      if (found === undefined) {
        found = servedPorts({ workload }, whole);
        known.set(workload, found);
      }
      return found;
    },
  };
  const reaches = new Map(policies.map((policy) => [policy, policyReach(policy, whole, context.index)]));
  return [
    ...policies.flatMap((policy) => policyDiagnostics(policy, reaches.get(policy) ?? nobody, context)),
    ...authorizerDiagnostics(policies, reaches, context),
  ];
}

const nobody: PolicyReach = { enforcing: [], unprotected: [] };

function policyDiagnostics(policy: AuthorizationPolicy, reach: PolicyReach, context: FindingsContext): readonly Diagnostic[] {
  const { enforcing, unprotected } = reach;
  if (enforcing.length === 0 && unprotected.length === 0) return isForTheMesh(policy, context.mesh) ? [] : [reachesNobody(policy)];
  if (enforcing.length === 0) return [withoutProxy(policy, unprotected, 'error')];
  return [
    ...(unprotected.length > 0 ? [withoutProxy(policy, unprotected, 'warning')] : []),
    ...ruleDiagnostics(policy, enforcing, context),
    ...identityDiagnostics(policy, enforcing, context),
  ];
}

/** It holds for whatever comes. */
function isForTheMesh({ namespace, selector, targets }: AuthorizationPolicy, { settings }: Mesh): boolean {
  return namespace === settings.rootNamespace && selector === undefined && targets === undefined;
}

/** IST0127. */
function reachesNobody(policy: AuthorizationPolicy): Diagnostic {
  const { targets, selector, namespace, origin } = policy;
  const [target] = targets ?? [];
  const common = { code: 'IST0127', severity: 'error', at: target?.origin ?? origin } as const;
  const title = titleOf(policy);
  if (target !== undefined) {
    const names = (targets ?? []).map(({ kind, name }) => `${kind} ${name}`).join(', ');
    const hint =
      target.kind === 'GatewayClass' ? 'there are no waypoints here: write a selector' : `name a target of namespace ${namespace} that has workloads`;
    return { ...common, message: `${title} is for ${names}, behind which there is no workload, so nobody enforces it`, hint };
  }
  if (selector === undefined) return { ...common, message: `${title} is for namespace ${namespace}, which has no workload, so nobody enforces it` };
  const labels = Object.entries(selector).map(([name, value]) => `${name}=${value}`);
  return {
    ...common,
    message: `${title} selects no workload, so nobody enforces it`,
    hint: `no workload of namespace ${namespace} has the labels ${labels.join(', ')}`,
  };
}

/** HDL0074. */
function withoutProxy(policy: AuthorizationPolicy, workloads: readonly Workload[], severity: Diagnostic['severity']): Diagnostic {
  const names = workloads.map(({ namespace, name }) => `${namespace}/${name}`);
  const shown = names.length > 3 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ');
  return {
    code: 'HDL0074',
    severity,
    message: `${titleOf(policy)} is for ${shown}, which ${names.length === 1 ? 'has' : 'have'} no proxy, so nobody enforces it there`,
    hint: 'take sidecar.istio.io/inject: "false" away from the workload',
    at: policy.origin,
  };
}
