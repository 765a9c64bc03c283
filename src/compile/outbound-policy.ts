// outboundTrafficPolicy as a cluster: where traffic to what is not known goes.
import { blackHoleCluster, outboundClusterName, passthroughCluster } from '#compile/names.ts';
import type { OutboundPolicy } from '#model/sidecar.ts';

/** On to where it was meant to go, to the proxy that the Sidecar names, or nowhere. */
export function unknownTarget({ mode, egressProxy }: OutboundPolicy): string {
  if (mode === 'REGISTRY_ONLY') return blackHoleCluster;
  return egressProxy === undefined ? passthroughCluster : outboundClusterName(egressProxy.port, egressProxy.subset, egressProxy.host.hostname);
}
