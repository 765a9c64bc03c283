// One endpoint of a cluster at run time: its entry of now, its pools, made when first needed, and what outlier detection knows of it.
import type { ClusterEntry, EndpointEntry } from '#decide/cluster-entry.ts';
import { type LocalResult, type OutlierDetector, OutlierHost } from '#decide/outlier.ts';
import type { BalancedHost } from '#decide/priority-load.ts';
import type { UpstreamPool } from '#proxy/http/stream.ts';
import type { ClusterUsage } from '#proxy/upstream/cluster-usage.ts';
import type { PoolFactories, PoolProtocol } from '#proxy/upstream/pool-factory.ts';

export class Endpoint implements BalancedHost {
  entry: EndpointEntry;
  readonly addedMs: number;
  /** TCP connections that are proxied to it. */
  tcpConnections = 0;
  readonly #factories: PoolFactories;
  readonly #usage: ClusterUsage;
  #cluster: ClusterEntry;
  #http1: UpstreamPool | undefined = undefined;
  #http2: UpstreamPool | undefined = undefined;
  #detector: OutlierDetector | undefined = undefined;
  #watched: OutlierHost | undefined = undefined;

  constructor(cluster: ClusterEntry, entry: EndpointEntry, usage: ClusterUsage, factories: PoolFactories, addedMs: number) {
    this.#cluster = cluster;
    this.entry = entry;
    this.#usage = usage;
    this.#factories = factories;
    this.addedMs = addedMs;
  }

  /** For least request. */
  get activeRequests(): number {
    return this.tcpConnections + (this.#http1?.activeRequests ?? 0) + (this.#http2?.activeRequests ?? 0);
  }

  get ejected(): boolean {
    return this.#watched !== undefined && this.#watched.ejected;
  }

  /** True where answers have to be reported. */
  get isWatched(): boolean {
    return this.#watched !== undefined;
  }

  /** From now on what happens here is reported to `detector`; undefined: to nobody. */
  watch(detector: OutlierDetector | undefined): void {
    if (this.#detector === detector) return;
    if (this.#watched !== undefined) this.#detector?.remove(this.#watched);
    this.#detector = detector;
    this.#watched = detector === undefined ? undefined : new OutlierHost();
    if (this.#watched !== undefined) detector?.add(this.#watched);
  }

  /** The status of an answer; of a gRPC one, the HTTP status that its gRPC status stands for. */
  reportStatus(status: number): void {
    if (this.#watched !== undefined) this.#detector?.onStatus(this.#watched, status);
  }

  reportLocal(result: LocalResult): void {
    if (this.#watched !== undefined) this.#detector?.onLocal(this.#watched, result);
  }

  pool(protocol: PoolProtocol): UpstreamPool {
    if (protocol === 'http1') return (this.#http1 ??= this.#factories.http1(this.#cluster, this.entry, this.#usage));
    return (this.#http2 ??= this.#factories.http2(this.#cluster, this.entry, this.#usage));
  }

  /** The cluster's settings changed: new requests get new pools, those under way finish on the old ones. */
  renewPools(cluster: ClusterEntry): void {
    this.#cluster = cluster;
    this.#drainPools();
    this.#http1 = undefined;
    this.#http2 = undefined;
  }

  /** It is no host of its cluster any more. */
  drain(): void {
    this.watch(undefined);
    this.#drainPools();
  }

  #drainPools(): void {
    this.#http1?.drain();
    this.#http2?.drain();
  }

  destroy(): void {
    this.#http1?.destroy();
    this.#http2?.destroy();
  }
}
