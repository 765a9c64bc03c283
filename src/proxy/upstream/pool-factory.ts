// How the cluster runtime gets its pools. One factory for HTTP/1.1 is here in upstream/, the one for HTTP/2 comes from proxy/http2.
import type { ClusterEntry, EndpointEntry } from '#decide/cluster-entry.ts';
import type { HttpVersion, UpstreamPool } from '#proxy/http/stream.ts';
import type { ClusterUsage } from '#proxy/upstream/cluster-usage.ts';
import type { ConnectionEnds } from '#proxy/upstream/proxy-protocol.ts';

/** `bytes`: no HTTP at all; a request is a connection (CONNECT that ends here). */
export type PoolProtocol = 'http1' | 'http2' | 'bytes';

/** What a cluster's endpoints are spoken to in, for a request that came as `version`. */
export function protocolFor({ protocol }: ClusterEntry, version: HttpVersion): 'http1' | 'http2' {
  if (protocol !== 'same-as-downstream') return protocol;
  return version === 'HTTP/2' ? 'http2' : 'http1';
}

/**
 * Makes the pool of one endpoint. `cluster` is the entry of now: a change of anything but its endpoints makes new pools. The pool counts its
 * connections and waiting requests in `usage`, and answers `overflow` where the cluster's limits are reached. `announces`: the client's connection,
 * where the cluster speaks the PROXY protocol and the pool is for that client alone.
 */
export type PoolFactory = (cluster: ClusterEntry, endpoint: EndpointEntry, usage: ClusterUsage, announces?: ConnectionEnds) => UpstreamPool;

export type PoolFactories = { readonly [Protocol in PoolProtocol]: PoolFactory };
