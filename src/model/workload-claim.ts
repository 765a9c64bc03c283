// In: a proxy whose service account is known, and the name and labels that it claims. Out: whether it may be that workload, and whether Secrets may be
// meant for it. A name is what anybody can write; an account is proved. Istio asks Kubernetes whether the account may list the Secrets of its namespace;
// without a Kubernetes to ask, what counts is that the mesh knows a workload of this account that they are for.
import { labelsMatch } from '#model/labels.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Proxy } from '#model/proxy.ts';
import type { Workload } from '#model/workload.ts';

type Claim = Pick<Proxy, 'namespace' | 'name' | 'labels' | 'serviceAccount'>;

/** Why the proxy is not served as the pod that it names; undefined where it may be, where there is no such pod, and where it says no account. */
export function accountMisfit({ workloads }: Pick<Mesh, 'workloads'>, { namespace, name, serviceAccount }: Claim): string | undefined {
  const pod = workloads.get(`${namespace}/${name}`);
  if (pod === undefined || serviceAccount === undefined || pod.serviceAccount === serviceAccount) return undefined;
  return `the node is of service account ${serviceAccount.slice(0, 100)}, and pod ${namespace}/${name} is not`;
}

/**
 * Whether Secrets may be for the proxy. It is a pod that the mesh knows; or a pod or WorkloadEntry of the same account has all labels that it says it has,
 * so that what selects the proxy selects that one, too. Entries that proxies registered themselves prove nothing: their labels are what those said.
 * A proxy that says no account is one whose caller nobody asked (see xds/server).
 */
export function mayHaveSecrets({ workloads, workloadEntries }: Pick<Mesh, 'workloads' | 'workloadEntries'>, proxy: Claim): boolean {
  if (proxy.serviceAccount === undefined || workloads.has(`${proxy.namespace}/${proxy.name}`)) return true;
  const isLike = (known: Workload): boolean =>
    known.namespace === proxy.namespace && known.serviceAccount === proxy.serviceAccount && labelsMatch(proxy.labels, known.labels);
  return workloads.values().some(isLike) || workloadEntries.values().some((entry) => isLike(entry) && !isRegistered(entry));
}

function isRegistered({ annotations }: Workload): boolean {
  return annotations['istio.io/autoRegistrationGroup'] !== undefined;
}
