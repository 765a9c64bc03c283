// EnvoyFilter patches on clusters: which cluster is meant, and the patch. Source: Istio, EnvoyFilter.ClusterMatch.
import { isForContext, type Patching, type ResourceContext } from '#compile/envoy-filter-patch.ts';
import { inboundPassthroughCluster } from '#compile/names.ts';
import { type Cluster, ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import type { EnvoyPatch } from '#model/envoy-filter.ts';

export function clusterContext(name: string, type: 'sidecar' | 'router'): ResourceContext {
  if (type === 'router') return 'gateway';
  return name.startsWith('inbound|') || name === inboundPassthroughCluster ? 'sidecar-inbound' : 'sidecar-outbound';
}

/** Whether the patch may have something to do with this cluster. */
export function concernsCluster(patch: EnvoyPatch, cluster: Cluster, context: ResourceContext): boolean {
  if (patch.applyTo !== 'CLUSTER' || patch.operation === 'ADD' || !isForContext(patch, context)) return false;
  const { cluster: match } = patch;
  if (match === undefined) return true;
  if (match.name !== undefined) return match.name === cluster.name;
  const [, port, subset, host] = cluster.name.split('|');
  if (match.subset !== undefined && match.subset !== subset) return false;
  if (match.port !== undefined && match.port !== Number(port)) return false;
  return match.service === undefined || match.service === host || (context === 'sidecar-inbound' && servesHost(cluster, match.service));
}

/** The name of an inbound cluster has no host; its metadata has those it serves. */
function servesHost({ metadata }: Cluster, host: string): boolean {
  const services = metadata?.filterMetadata['istio']?.['services'];
  return (
    Array.isArray(services) &&
    services.some((service) => typeof service === 'object' && service !== null && 'host' in service && service.host === host)
  );
}

/** Undefined: the cluster is removed. */
export function patchCluster(cluster: Cluster, patching: Patching): Cluster | undefined {
  let patched = cluster;
  for (const patch of patching.of('CLUSTER')) {
    if (patch.operation === 'REMOVE') {
      patching.touch(patch);
      return undefined;
    }
    if (patch.operation !== 'MERGE' && patch.operation !== 'MERGE_AND_REPLACE_LIST') continue;
    patched = patching.merge(ClusterSchema, patched, patch);
    patching.touch(patch);
  }
  return patched;
}
