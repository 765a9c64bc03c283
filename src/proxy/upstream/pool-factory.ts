// How the cluster runtime gets its pools. One factory for HTTP/1.1 is here in upstream/, the one for HTTP/2 comes from proxy/http2.
import type { ClusterEntry, EndpointEntry } from '#decide/cluster-entry.ts';
import type { UpstreamPool } from '#proxy/http/stream.ts';

export type PoolProtocol = 'http1' | 'http2';

/** Makes the pool of one endpoint. `cluster` is the entry of now: a change of anything but its endpoints makes new pools. */
export type PoolFactory = (cluster: ClusterEntry, endpoint: EndpointEntry) => UpstreamPool;

export type PoolFactories = { readonly [Protocol in PoolProtocol]: PoolFactory };
