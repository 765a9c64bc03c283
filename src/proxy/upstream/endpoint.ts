// One endpoint of a cluster at run time: its entry of now, its pools, made when first needed, and what outlier detection knows of it.
import type { ClusterEntry, EndpointEntry } from '#decide/cluster-entry.ts';
import { type LocalResult, type OutlierDetector, OutlierHost } from '#decide/outlier.ts';
import type { BalancedHost } from '#decide/priority-load.ts';
import type { UpstreamPool } from '#proxy/http/stream.ts';
import type { ClusterUsage } from '#proxy/upstream/cluster-usage.ts';
import type { PoolFactories, PoolProtocol } from '#proxy/upstream/pool-factory.ts';
import type { ConnectionEnds } from '#proxy/upstream/proxy-protocol.ts';

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
  #bytes: UpstreamPool | undefined = undefined;
  #clientPools: Map<string, UpstreamPool> | undefined = undefined;
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
    const shared = this.tcpConnections + (this.#http1?.activeRequests ?? 0) + (this.#http2?.activeRequests ?? 0) + (this.#bytes?.activeRequests ?? 0);
    return this.#clientPools === undefined ? shared : [...this.#clientPools.values()].reduce((sum, pool) => sum + pool.activeRequests, shared);
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

  /** `client`: its connection, for clusters that announce it; each client has pools of its own there. */
  pool(protocol: PoolProtocol, client?: ConnectionEnds): UpstreamPool {
    if (client !== undefined && this.#cluster.proxyProtocol !== undefined) return this.#clientPool(protocol, client);
    if (protocol === 'bytes') return (this.#bytes ??= this.#factories.bytes(this.#cluster, this.entry, this.#usage));
    if (protocol === 'http1') return (this.#http1 ??= this.#factories.http1(this.#cluster, this.entry, this.#usage));
    return (this.#http2 ??= this.#factories.http2(this.#cluster, this.entry, this.#usage));
  }

  #clientPool(protocol: PoolProtocol, client: ConnectionEnds): UpstreamPool {
    const pools = (this.#clientPools ??= new Map<string, UpstreamPool>());
    const key = `${protocol} ${client.sourceIp} ${client.sourcePort} ${client.destinationIp} ${client.destinationPort}`;
    const known = pools.get(key);
    if (known !== undefined) return known;
    if (pools.size >= mostClientPools) forgetIdle(pools);
    const pool = this.#factories[protocol](this.#cluster, this.entry, this.#usage, client);
    pools.set(key, pool);
    return pool;
  }

  /** The cluster's settings changed: new requests get new pools, those under way finish on the old ones. */
  renewPools(cluster: ClusterEntry): void {
    this.#cluster = cluster;
    this.#drainPools();
    this.#http1 = undefined;
    this.#http2 = undefined;
    this.#bytes = undefined;
  }

  /** It is no host of its cluster any more. */
  drain(): void {
    this.watch(undefined);
    this.#drainPools();
  }

  #drainPools(): void {
    this.#http1?.drain();
    this.#http2?.drain();
    for (const pool of this.#clientPools?.values() ?? []) pool.drain();
    this.#clientPools = undefined;
  }

  destroy(): void {
    this.#http1?.destroy();
    this.#http2?.destroy();
    this.#bytes?.destroy();
    for (const pool of this.#clientPools?.values() ?? []) pool.destroy();
  }
}

/** Beyond this the pools of clients that want nothing at the moment are let go. */
const mostClientPools = 64;

function forgetIdle(pools: Map<string, UpstreamPool>): void {
  for (const [key, pool] of pools) {
    if (pool.activeRequests > 0) continue;
    pool.drain();
    pools.delete(key);
  }
}
