// Whether a workload takes mutual TLS of the mesh, as its label says.
import type { Endpoint } from '#model/service.ts';
import type { Workload } from '#model/workload.ts';

/** Injection gives it to Pods with a sidecar. */
const tlsModeLabel = 'security.istio.io/tlsMode';

export function tlsModeOf({ labels }: Pick<Workload, 'labels'>): Pick<Endpoint, 'tlsMode'> {
  return labels[tlsModeLabel] === 'istio' ? { tlsMode: 'istio' } : {};
}

/** Of a WorkloadEntry, or an endpoint of a ServiceEntry: one that has an identity is taken to show it. Source: Istio, getTLSModeFromWorkloadEntry. */
export function tlsModeOfEntry({ labels, serviceAccount }: Pick<Workload, 'labels' | 'serviceAccount'>): Pick<Endpoint, 'tlsMode'> {
  if (labels[tlsModeLabel] !== undefined) return tlsModeOf({ labels });
  return serviceAccount === '' ? {} : { tlsMode: 'istio' };
}
