// Who enforces a policy: for each of a mesh's policies the workloads that it is for, and which of them have a proxy that can act on it.
import type { Mesh } from '#model/mesh.ts';
import { type Policy, policyIsFor } from '#model/policy-target.ts';
import { proxyForWorkload } from '#model/proxy-for-workload.ts';
import type { Workload } from '#model/workload.ts';

export type PolicyReach = {
  /** That have a proxy, and so enforce it. */
  readonly enforcing: readonly ReachedWorkload[];
  /** That have none: injection was declined. */
  readonly unprotected: readonly Workload[];
};

export type ReachedWorkload = { readonly workload: Workload; readonly type: 'sidecar' | 'router' };

/** The workloads of a mesh by namespace, each with the kind of proxy that stands beside it. */
export type ReachIndex = ReadonlyMap<string, readonly ReachedWorkload[]>;

export function indexReach(mesh: Mesh): ReachIndex {
  const all = [...mesh.workloads.values(), ...mesh.workloadEntries.values()];
  const typed = all.map((workload): ReachedWorkload => ({ workload, type: proxyForWorkload(mesh, workload, { kind: 'redirect' }).type }));
  return Map.groupBy(typed, ({ workload }) => workload.namespace);
}

export function policyReach(policy: Policy, mesh: Mesh, index: ReachIndex): PolicyReach {
  const everywhere = policy.targets !== undefined || policy.namespace === mesh.settings.rootNamespace;
  const candidates = everywhere ? [...index.values()].flat() : (index.get(policy.namespace) ?? []);
  const reached = candidates.filter(({ workload, type }) => {
    return policyIsFor(policy, { type, namespace: workload.namespace, labels: workload.labels }, mesh);
  });
  return {
    enforcing: reached.filter((one) => hasProxy(one)),
    unprotected: reached.filter((one) => !hasProxy(one)).map(({ workload }) => workload),
  };
}

const injection = 'sidecar.istio.io/inject';

/** A Pod that declines injection has no sidecar; one that runs here as a process has one all the same. */
function hasProxy({ workload, type }: ReachedWorkload): boolean {
  const { labels, annotations, localPorts } = workload;
  return type === 'router' || localPorts !== undefined || (labels[injection] !== 'false' && annotations[injection] !== 'false');
}
