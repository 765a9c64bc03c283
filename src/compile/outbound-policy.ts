// outboundTrafficPolicy as a cluster: where traffic to what is not known goes.
import { allowAnyDynamicDnsCluster, blackHoleCluster, outboundClusterName, passthroughCluster } from '#compile/names.ts';
import type { OutboundPolicy } from '#model/sidecar.ts';

/** As `unknownTarget`, for requests: with ALLOW_ANY_DYNAMIC_DNS on to where DNS says that their host is. */
export function unknownHttpTarget(policy: OutboundPolicy): string {
  return policy.mode === 'ALLOW_ANY_DYNAMIC_DNS' ? allowAnyDynamicDnsCluster : unknownTarget(policy);
}

/** On to where it was meant to go, to the proxy that the Sidecar names, or nowhere. */
export function unknownTarget({ mode, egressProxy }: OutboundPolicy): string {
  if (mode === 'REGISTRY_ONLY') return blackHoleCluster;
  return egressProxy === undefined ? passthroughCluster : outboundClusterName(egressProxy.port, egressProxy.subset, egressProxy.host.hostname);
}
