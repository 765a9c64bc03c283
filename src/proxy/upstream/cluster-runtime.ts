// A cluster at run time: its endpoints with their pools and the state of balancing. An update keeps what did not change, so that a new
// endpoint costs the others no connection; an endpoint that went finishes what it has and gets nothing new.
import { type BalancerState, chooseEndpoint, newBalancerState } from '#decide/balance.ts';
import type { ClusterEntry, EndpointEntry } from '#decide/cluster-entry.ts';
import { ClusterUsage } from '#proxy/upstream/cluster-usage.ts';
import { Endpoint } from '#proxy/upstream/endpoint.ts';
import type { PoolFactories } from '#proxy/upstream/pool-factory.ts';

export class ClusterRuntime {
  readonly usage = new ClusterUsage();
  readonly #factories: PoolFactories;
  readonly #random: () => number;
  #entry: ClusterEntry;
  #endpoints = new Map<string, Endpoint>();
  #balancer: BalancerState;
  readonly #active = (entry: EndpointEntry): number => this.#endpoints.get(entry.key)?.activeRequests ?? 0;

  /** `random` in [0, 1). */
  constructor(entry: ClusterEntry, factories: PoolFactories, random: () => number) {
    this.#factories = factories;
    this.#random = random;
    this.#entry = entry;
    this.#balancer = newBalancerState(entry, [], 0);
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
    const sameCluster = sameSettings(this.#entry, entry);
    this.#entry = entry;
    if (!sameCluster) for (const endpoint of this.#endpoints.values()) endpoint.renewPools(entry);
    this.#place(entry);
  }

  #place(entry: ClusterEntry): void {
    const next = new Map<string, Endpoint>();
    for (const wanted of entry.endpoints) {
      const kept = this.#endpoints.get(wanted.key);
      if (kept !== undefined) kept.entry = wanted;
      next.set(wanted.key, kept ?? new Endpoint(entry, wanted, this.usage, this.#factories));
    }
    for (const [key, endpoint] of this.#endpoints) if (!next.has(key)) endpoint.drain();
    this.#endpoints = next;
    this.#balancer = newBalancerState(entry, entry.endpoints, this.#random());
  }

  /**
   * The endpoint for one more request or connection; undefined: none may be used. Those whose keys are in `avoid` are passed over for up to
   * `attempts` draws.
   */
  choose(avoid?: ReadonlySet<string>, attempts = 1): Endpoint | undefined {
    const passOver = avoid === undefined ? undefined : (entry: EndpointEntry): boolean => avoid.has(entry.key);
    const chosen = chooseEndpoint(this.#balancer, this.#active, this.#random, passOver, attempts);
    return chosen === undefined ? undefined : this.#endpoints.get(chosen.key);
  }

  /** The endpoint with this address, for clusters that send where the client was going (ORIGINAL_DST). Made when first asked for. */
  endpointFor(address: string, port: number): Endpoint {
    const key = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
    const known = this.#endpoints.get(key);
    if (known !== undefined) return known;
    const entry: EndpointEntry = { address, port, key, weight: 1, healthy: true, degraded: false, priority: 0, hostname: '' };
    const endpoint = new Endpoint(this.#entry, entry, this.usage, this.#factories);
    this.#endpoints.set(key, endpoint);
    return endpoint;
  }

  /** No new requests; those under way finish. */
  drain(): void {
    for (const endpoint of this.#endpoints.values()) endpoint.drain();
  }

  destroy(): void {
    for (const endpoint of this.#endpoints.values()) endpoint.destroy();
  }
}

/** True where two entries differ in their endpoints at most. Entries are small and changes rare: comparing their text is enough. */
function sameSettings(before: ClusterEntry, after: ClusterEntry): boolean {
  return JSON.stringify({ ...before, endpoints: 0 }) === JSON.stringify({ ...after, endpoints: 0 });
}
