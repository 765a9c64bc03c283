// A cluster at run time: its endpoints with their pools and the state of balancing. An update keeps what did not change, so that a new
// endpoint costs the others no connection; an endpoint that went finishes what it has and gets nothing new.
import type { ClusterEntry, EndpointEntry } from '#decide/cluster-entry.ts';
import { EndpointPicker } from '#proxy/upstream/endpoint-picker.ts';
import { ClusterUsage } from '#proxy/upstream/cluster-usage.ts';
import { Endpoint } from '#proxy/upstream/endpoint.ts';
import type { PoolFactories } from '#proxy/upstream/pool-factory.ts';

export class ClusterRuntime {
  readonly usage = new ClusterUsage();
  readonly #factories: PoolFactories;
  readonly #random: () => number;
  #entry: ClusterEntry;
  #endpoints = new Map<string, Endpoint>();
  #picker: EndpointPicker;

  /** `random` in [0, 1). */
  constructor(entry: ClusterEntry, factories: PoolFactories, random: () => number) {
    this.#factories = factories;
    this.#random = random;
    this.#entry = entry;
    this.#picker = new EndpointPicker(entry, [], random);
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
    this.#picker = new EndpointPicker(entry, [...next.values()], this.#random);
  }

  /** The endpoint for one more request or connection; undefined: none is healthy. `avoid` is kept to as long as there is another. */
  choose(avoid?: ReadonlySet<string>): Endpoint | undefined {
    const first = this.#picker.pick();
    if (first === undefined || avoid === undefined || !avoid.has(first.entry.key)) return first;
    for (let attempt = 0; attempt < this.#endpoints.size * 2; attempt++) {
      const other = this.#picker.pick();
      if (other !== undefined && !avoid.has(other.entry.key)) return other;
    }
    return first;
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
