// A cluster at run time: its endpoints with their pools and the state of balancing. An update keeps what did not change, so that a new
// endpoint costs the others no connection; an endpoint that went finishes what it has and gets nothing new.
import { type BalancerState, chooseHost, newBalancerState } from '#decide/balance.ts';
import type { CircuitLimits, ClusterEntry } from '#decide/cluster-entry.ts';
import { endpointAt } from '#decide/endpoints.ts';
import type { Chance } from '#decide/host-group.ts';
import { originalDestination } from '#decide/original-destination.ts';
import { OutlierDetector } from '#decide/outlier.ts';
import type { PreviousPriorities } from '#decide/previous-priorities.ts';
import type { Word64 } from '#decide/word64.ts';
import { ClusterCounters } from '#proxy/upstream/cluster-counters.ts';
import { ClusterUsage } from '#proxy/upstream/cluster-usage.ts';
import { Endpoint } from '#proxy/upstream/endpoint.ts';
import type { PoolFactories } from '#proxy/upstream/pool-factory.ts';
import type { UpstreamSurroundings } from '#proxy/upstream/surroundings.ts';
import type { ConnectionFacts } from '#telemetry/access-record.ts';

/** How often endpoints that requests themselves named and that nobody used since are let go (Envoy: cleanup_interval). */
const cleanupMs = 5_000;

export class ClusterRuntime {
  readonly usage: ClusterUsage;
  /** Of requests of high priority. */
  readonly highUsage: ClusterUsage;
  readonly #factories: PoolFactories;
  readonly #surroundings: UpstreamSurroundings;
  readonly #chance: Chance;
  #entry: ClusterEntry;
  #endpoints = new Map<string, Endpoint>();
  #balancer: BalancerState<Endpoint>;
  #detector: OutlierDetector | undefined;
  #cancelInterval: (() => void) | undefined;
  #cancelCleanup: (() => void) | undefined;
  readonly #usedSinceCleanup = new Set<string>();

  constructor(entry: ClusterEntry, factories: PoolFactories, surroundings: UpstreamSurroundings) {
    this.#factories = factories;
    this.#surroundings = surroundings;
    this.#chance = { random: surroundings.random, nowMs: surroundings.clock.monotonicMs };
    const counters = new ClusterCounters(entry.name, surroundings.counters);
    this.usage = new ClusterUsage(counters);
    this.highUsage = new ClusterUsage(counters);
    this.#entry = entry;
    this.#balancer = newBalancerState<Endpoint>(entry, [], this.#chance);
    this.#detect(entry);
    this.#place(entry);
  }

  get entry(): ClusterEntry {
    return this.#entry;
  }

  get endpoints(): ReadonlyMap<string, Endpoint> {
    return this.#endpoints;
  }

  /** Takes the new entry over. Pools of endpoints that stay are kept unless the cluster itself changed. */
  update(entry: ClusterEntry): void {
    const before = this.#entry;
    const sameCluster = sameSettings(before, entry);
    if (sameCluster && sameText(before.endpoints, entry.endpoints)) return;
    this.#entry = entry;
    if (!sameCluster) for (const endpoint of this.#endpoints.values()) endpoint.renewPools(entry);
    if (!sameText(before.outlier, entry.outlier)) this.#detect(entry);
    this.#place(entry);
  }

  #place(entry: ClusterEntry): void {
    const next = new Map<string, Endpoint>();
    const nowMs = this.#chance.nowMs();
    for (const wanted of entry.endpoints) {
      // Of several with one address the first counts, as in Envoy's EDS.
      if (next.has(wanted.key)) continue;
      const kept = this.#endpoints.get(wanted.key);
      kept?.update(entry, wanted);
      const endpoint = kept ?? new Endpoint(entry, wanted, this, this.#factories, nowMs);
      endpoint.watch(this.#detector);
      next.set(wanted.key, endpoint);
    }
    for (const [key, endpoint] of this.#endpoints) if (!next.has(key)) endpoint.drain();
    this.#endpoints = next;
    this.#rebalance();
  }

  readonly #rebalance = (): void => {
    this.#balancer = newBalancerState(this.#entry, [...this.#endpoints.values()], this.#chance, this.#surroundings.locality);
  };

  /** A new detector knows nothing of what happened before; endpoints that it had ejected are back. */
  #detect({ outlier }: ClusterEntry): void {
    this.#cancelInterval?.();
    this.#cancelInterval = undefined;
    this.#detector = undefined;
    if (outlier === undefined) return;
    const { counters } = this.usage;
    const detector = new OutlierDetector(outlier, this.#chance.random, this.#chance.nowMs, {
      onChange: () => {
        counters.ejected(detector.ejectedCount);
        this.#rebalance();
      },
      onDetected: (type, outcome) => counters.detected(type, outcome),
    });
    this.#detector = detector;
    const tick = (): void => {
      this.#cancelInterval = this.#surroundings.clock.after(outlier.intervalMs, tick);
      detector.onInterval();
    };
    this.#cancelInterval = this.#surroundings.clock.after(outlier.intervalMs, tick);
  }

  /**
   * The endpoint for one more request or connection; undefined: none may be used. Those whose keys are in `avoid` are passed over for up to
   * `attempts` draws. `hash` is what the request is placed by where the cluster is balanced by hash. Of `tried` priorities others are preferred.
   */
  choose(avoid?: ReadonlySet<string>, attempts = 1, hash?: Word64, tried?: PreviousPriorities): Endpoint | undefined {
    const passOver = avoid === undefined ? undefined : ({ entry }: Endpoint): boolean => avoid.has(entry.key);
    const excluded = tried?.excluded();
    // Envoy's hash balancers do not ask for priorities.
    const chosen = excluded === undefined || this.byHash ? undefined : chooseHost(this.#balancerWithout(excluded), passOver, attempts);
    if (excluded !== undefined && chosen === undefined) tried?.reset();
    return chosen ?? chooseHost(this.#balancer, passOver, attempts, hash);
  }

  #balancerWithout(excluded: ReadonlySet<number>): BalancerState<Endpoint> {
    return newBalancerState(this.#entry, [...this.#endpoints.values()], this.#chance, this.#surroundings.locality, excluded);
  }

  /** What requests of a priority are held against. */
  limits(isHigh: boolean): CircuitLimits {
    return isHigh ? this.#entry.high : this.#entry;
  }

  usageOf(isHigh: boolean): ClusterUsage {
    return isHigh ? this.highUsage : this.usage;
  }

  /** True where a request's hash decides. */
  get byHash(): boolean {
    return this.#balancer.byHash;
  }

  /** ORIGINAL_DST: the endpoint that the header of the configuration names, else where the client of a redirected connection wanted to go. */
  originalDestination({ restored, localIp, localPort }: ConnectionFacts, header?: (name: string) => string | undefined): Endpoint | undefined {
    const found = originalDestination(this.#entry.originalDst, restored === true ? { address: localIp, port: localPort } : undefined, header);
    return found === undefined ? undefined : this.endpointFor(found.address, found.port);
  }

  /** True where not balancing but each request itself says where it goes. */
  get isNamedByRequests(): boolean {
    const { discovery } = this.#entry;
    return discovery === 'original-dst' || discovery === 'dynamic-dns';
  }

  /** A dynamic forward proxy knows no more hosts than it may until some have not been asked for in a while. */
  get isFull(): boolean {
    return this.#entry.discovery === 'dynamic-dns' && this.#endpoints.size >= this.#entry.maxHosts;
  }

  /** The endpoint with this address, made when first asked for; undefined where the cluster is full. */
  endpointFor(address: string, port: number): Endpoint | undefined {
    const entry = endpointAt(address, port);
    const { key } = entry;
    const known = this.#endpoints.get(key);
    if (known === undefined && this.isFull) return undefined;
    this.#usedSinceCleanup.add(key);
    if (known !== undefined) return known;
    const endpoint = new Endpoint(this.#entry, entry, this, this.#factories, this.#chance.nowMs());
    endpoint.watch(this.#detector);
    this.#endpoints.set(key, endpoint);
    this.#cancelCleanup ??= this.#surroundings.clock.after(cleanupMs, this.#cleanUp);
    return endpoint;
  }

  readonly #cleanUp = (): void => {
    for (const [key, endpoint] of this.#endpoints) {
      if (this.#usedSinceCleanup.has(key) || endpoint.activeRequests > 0) continue;
      endpoint.drain();
      this.#endpoints.delete(key);
    }
    this.#usedSinceCleanup.clear();
    this.#cancelCleanup = this.#endpoints.size === 0 ? undefined : this.#surroundings.clock.after(cleanupMs, this.#cleanUp);
  };

  /** No new requests; those under way finish. */
  drain(): void {
    this.#stopTimers();
    for (const endpoint of this.#endpoints.values()) endpoint.drain();
  }

  destroy(): void {
    this.#stopTimers();
    for (const endpoint of this.#endpoints.values()) endpoint.destroy();
  }

  #stopTimers(): void {
    this.#cancelInterval?.();
    this.#cancelCleanup?.();
  }
}

/** True where two entries differ in their endpoints at most. Entries are small and changes rare: comparing their text is enough. */
function sameSettings(before: ClusterEntry, after: ClusterEntry): boolean {
  return sameText({ ...before, endpoints: 0 }, { ...after, endpoints: 0 });
}

function sameText(one: unknown, other: unknown): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}
