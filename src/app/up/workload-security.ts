// In: the mesh as it stands. Out: for a pod that runs, who it is and which of its ports take plaintext, as `heddle status -o json` shows them.
import { formatIdentity } from '#ca/identity.ts';
import { indexPeerAuthentications, portMtls, workloadMtls } from '#model/effective-mtls.ts';
import type { Mesh } from '#model/mesh.ts';
import type { PodPlan } from '#runtime/pod-plan.ts';
import type { WorkloadState } from '#runtime/state.ts';

export type WorkloadSecurity = Pick<WorkloadState, 'identity' | 'mtls'>;

/** Of a gateway only who it is: what its ports take is for its Gateways to say. */
export function workloadSecurity(mesh: Pick<Mesh, 'settings' | 'peerAuthentications'>): (plan: PodPlan) => WorkloadSecurity {
  const { trustDomain, rootNamespace } = mesh.settings;
  const index = indexPeerAuthentications(mesh.peerAuthentications, rootNamespace);
  return ({ pod: { metadata, spec }, inbound, isGateway }) => {
    const { namespace, labels } = metadata;
    const identity = formatIdentity({ trustDomain, namespace, serviceAccount: spec.serviceAccountName ?? 'default' });
    if (isGateway) return { identity };
    const mtls = workloadMtls(index, namespace, labels);
    return { identity, mtls: Object.fromEntries(inbound.map((port) => [port, portMtls(mtls, port)])) };
  };
}
