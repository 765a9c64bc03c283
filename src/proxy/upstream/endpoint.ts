// One endpoint of a cluster at run time: its entry of now and its pools, made when first needed.
import type { ClusterEntry, EndpointEntry } from '#decide/cluster-entry.ts';
import type { UpstreamPool } from '#proxy/http/stream.ts';
import type { ClusterUsage } from '#proxy/upstream/cluster-usage.ts';
import type { PoolFactories, PoolProtocol } from '#proxy/upstream/pool-factory.ts';

export class Endpoint {
  entry: EndpointEntry;
  readonly #factories: PoolFactories;
  readonly #usage: ClusterUsage;
  #cluster: ClusterEntry;
  #http1: UpstreamPool | undefined = undefined;
  #http2: UpstreamPool | undefined = undefined;

  constructor(cluster: ClusterEntry, entry: EndpointEntry, usage: ClusterUsage, factories: PoolFactories) {
    this.#cluster = cluster;
    this.entry = entry;
    this.#usage = usage;
    this.#factories = factories;
  }

  /** For least request. */
  get activeRequests(): number {
    return (this.#http1?.activeRequests ?? 0) + (this.#http2?.activeRequests ?? 0);
  }

  pool(protocol: PoolProtocol): UpstreamPool {
    if (protocol === 'http1') return (this.#http1 ??= this.#factories.http1(this.#cluster, this.entry, this.#usage));
    return (this.#http2 ??= this.#factories.http2(this.#cluster, this.entry, this.#usage));
  }

  /** The cluster's settings changed: new requests get new pools, those under way finish on the old ones. */
  renewPools(cluster: ClusterEntry): void {
    this.#cluster = cluster;
    this.drain();
    this.#http1 = undefined;
    this.#http2 = undefined;
  }

  drain(): void {
    this.#http1?.drain();
    this.#http2?.drain();
  }

  destroy(): void {
    this.#http1?.destroy();
    this.#http2?.destroy();
  }
}
