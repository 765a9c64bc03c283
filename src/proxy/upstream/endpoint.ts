// One endpoint of a cluster at run time: its entry of now, its pools, made when first needed, and what outlier detection knows of it.
import type { ClusterEntry, EndpointEntry } from '#decide/cluster-entry.ts';
import { type LocalResult, type OutlierDetector, OutlierHost } from '#decide/outlier.ts';
import type { BalancedHost } from '#decide/priority-load.ts';
import { hostOf, tlsForHost } from '#decide/request-names.ts';
import { clusterAt } from '#decide/transport-socket.ts';
import type { UpstreamPool } from '#proxy/http/stream.ts';
import type { ClusterUsage } from '#proxy/upstream/cluster-usage.ts';
import type { PoolFactories, PoolProtocol } from '#proxy/upstream/pool-factory.ts';
import type { ConnectionEnds } from '#proxy/upstream/proxy-protocol.ts';

/** What a cluster's requests use, by priority. */
type Usages = { readonly usage: ClusterUsage; readonly highUsage: ClusterUsage };

export class Endpoint implements BalancedHost {
  readonly addedMs: number;
  /** TCP connections that are proxied to it. */
  tcpConnections = 0;
  readonly #factories: PoolFactories;
  readonly #usages: Usages;
  /** As this endpoint is reached: see clusterAt. */
  #cluster: ClusterEntry;
  #entry: EndpointEntry;
  #http1: UpstreamPool | undefined = undefined;
  #http2: UpstreamPool | undefined = undefined;
  #bytes: UpstreamPool | undefined = undefined;
  #ownPools: Map<string, UpstreamPool> | undefined = undefined;
  #detector: OutlierDetector | undefined = undefined;
  #watched: OutlierHost | undefined = undefined;

  constructor(cluster: ClusterEntry, entry: EndpointEntry, usages: Usages, factories: PoolFactories, addedMs: number) {
    this.#cluster = clusterAt(cluster, entry);
    this.#entry = entry;
    this.#usages = usages;
    this.#factories = factories;
    this.addedMs = addedMs;
  }

  get entry(): EndpointEntry {
    return this.#entry;
  }

  /** The cluster with the transport socket by which this endpoint is reached. */
  get cluster(): ClusterEntry {
    return this.#cluster;
  }

  /** What is said of it now. Where another transport socket holds for it from now on, new requests get new pools. */
  update(cluster: ClusterEntry, entry: EndpointEntry): void {
    this.#entry = entry;
    if (cluster.transportChoices === undefined) return;
    const next = clusterAt(cluster, entry);
    if (next.tls !== this.#cluster.tls || next.proxyProtocol !== this.#cluster.proxyProtocol) this.renewPools(cluster);
  }

  /** For least request. */
  get activeRequests(): number {
    const shared = this.tcpConnections + (this.#http1?.activeRequests ?? 0) + (this.#http2?.activeRequests ?? 0) + (this.#bytes?.activeRequests ?? 0);
    return this.#ownPools === undefined ? shared : [...this.#ownPools.values()].reduce((sum, pool) => sum + pool.activeRequests, shared);
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

  reportAnswer(status: number): void {
    if (this.#watched !== undefined) this.#detector?.onAnswer(this.#watched, status);
  }

  /** `status`: the HTTP status that a gRPC status stands for. */
  reportGrpc(status: number): void {
    if (this.#watched !== undefined) this.#detector?.onStatus(this.#watched, status);
  }

  reportLocal(result: LocalResult): void {
    if (this.#watched !== undefined) this.#detector?.onLocal(this.#watched, result);
  }

  /**
   * `client`: its connection, for clusters that announce it; each client has pools of its own there, and so have requests of high priority, those that
   * say themselves which ALPN names their connections offer (`alpn`), and, by the host of their `authority`, those whose connections it names.
   */
  pool(protocol: PoolProtocol, client?: ConnectionEnds, isHigh = false, alpn?: readonly string[], authority?: string): UpstreamPool {
    const { tls, requestNames, proxyProtocol } = this.#cluster;
    const ownAlpn = tls === undefined ? undefined : alpn;
    const host = tls === undefined || requestNames === undefined || authority === undefined ? undefined : hostOf(authority);
    if (isHigh || ownAlpn !== undefined || host !== undefined || (client !== undefined && proxyProtocol !== undefined))
      return this.#ownPool(protocol, client, isHigh, ownAlpn, host);
    if (protocol === 'bytes') return (this.#bytes ??= this.#factories.bytes(this.#cluster, this.entry, this.#usages.usage));
    if (protocol === 'http1') return (this.#http1 ??= this.#factories.http1(this.#cluster, this.entry, this.#usages.usage));
    return (this.#http2 ??= this.#factories.http2(this.#cluster, this.entry, this.#usages.usage));
  }

  #ownPool(
    protocol: PoolProtocol,
    client: ConnectionEnds | undefined,
    isHigh: boolean,
    alpn: readonly string[] | undefined,
    host: string | undefined,
  ): UpstreamPool {
    const pools = (this.#ownPools ??= new Map<string, UpstreamPool>());
    const ends = client === undefined ? '' : `${client.sourceIp} ${client.sourcePort} ${client.destinationIp} ${client.destinationPort}`;
    // A host may hold any character: it comes last.
    const key = `${protocol} ${isHigh} ${alpn === undefined ? '' : alpn.join()} ${ends}${host === undefined ? '' : ` for ${host}`}`;
    const known = pools.get(key);
    if (known !== undefined) return known;
    if (pools.size >= mostOwnPools) forgetIdle(pools);
    const cluster = this.#clusterFor(isHigh, alpn, host);
    const pool = this.#factories[protocol](cluster, this.entry, isHigh ? this.#usages.highUsage : this.#usages.usage, client);
    pools.set(key, pool);
    return pool;
  }

  #clusterFor(isHigh: boolean, alpn: readonly string[] | undefined, host: string | undefined): ClusterEntry {
    const { tls, requestNames, high } = this.#cluster;
    return {
      ...this.#cluster,
      ...(isHigh && high),
      ...(alpn !== undefined && { requestAlpn: alpn }),
      ...(host !== undefined && tls !== undefined && requestNames !== undefined && { tls: tlsForHost(tls, requestNames, host) }),
    };
  }

  /** The cluster's settings changed: new requests get new pools, those under way finish on the old ones. */
  renewPools(cluster: ClusterEntry): void {
    this.#cluster = clusterAt(cluster, this.#entry);
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
    for (const pool of this.#ownPools?.values() ?? []) pool.drain();
    this.#ownPools = undefined;
  }

  destroy(): void {
    this.#http1?.destroy();
    this.#http2?.destroy();
    this.#bytes?.destroy();
    for (const pool of this.#ownPools?.values() ?? []) pool.destroy();
  }
}

/** Beyond this the pools of clients that want nothing at the moment are let go. */
const mostOwnPools = 64;

function forgetIdle(pools: Map<string, UpstreamPool>): void {
  for (const [key, pool] of pools) {
    if (pool.activeRequests > 0) continue;
    pool.drain();
    pools.delete(key);
  }
}
