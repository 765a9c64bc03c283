// All clusters of a proxy by name. Whoever holds the configuration sets and removes entries; requests look up.
import type { ClusterEntry } from '#decide/cluster-entry.ts';
import { ClusterRuntime } from '#proxy/upstream/cluster-runtime.ts';
import type { PoolFactories } from '#proxy/upstream/pool-factory.ts';
import type { UpstreamSurroundings } from '#proxy/upstream/surroundings.ts';

export class Clusters {
  readonly #factories: PoolFactories;
  readonly #surroundings: UpstreamSurroundings;
  readonly #byName = new Map<string, ClusterRuntime>();

  constructor(factories: PoolFactories, surroundings: UpstreamSurroundings) {
    this.#factories = factories;
    this.#surroundings = surroundings;
  }

  get(name: string): ClusterRuntime | undefined {
    return this.#byName.get(name);
  }

  names(): readonly string[] {
    return [...this.#byName.keys()];
  }

  /** Adds the cluster or updates it in place. */
  set(said: ClusterEntry): void {
    const { proxyAddresses } = this.#surroundings;
    const entry = proxyAddresses === undefined ? said : { ...said, proxyAddresses };
    const known = this.#byName.get(entry.name);
    if (known === undefined) this.#byName.set(entry.name, new ClusterRuntime(entry, this.#factories, this.#surroundings));
    else known.update(entry);
  }

  /** New requests find no such cluster; those under way finish. */
  remove(name: string): void {
    this.#byName.get(name)?.drain();
    this.#byName.delete(name);
  }

  destroy(): void {
    for (const cluster of this.#byName.values()) cluster.destroy();
    this.#byName.clear();
  }
}
