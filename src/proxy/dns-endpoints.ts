// STRICT_DNS and LOGICAL_DNS clusters: endpoints with names in, endpoints with addresses out, again and again. A name that cannot be resolved keeps the
// addresses it had (Envoy does the same); before the first answer it has none.
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Clock } from '#base/clock.ts';
import type { ClusterEntry, EndpointEntry } from '#decide/cluster-entry.ts';
import { formatAddress } from '#proxy/downstream-connection.ts';

/** Addresses of a name, in the order of the resolver. Rejects where there are none. */
export type ResolveName = (name: string) => Promise<readonly string[]>;

/** The system's resolver, /etc/hosts included; IPv4 alone where there is any (dns_lookup_family AUTO differs, Istio sets V4_ONLY). */
export const systemResolver: ResolveName = async (name) => {
  const found = await lookup(name, { all: true });
  const v4 = found.filter(({ family }) => family === 4);
  return (v4.length > 0 ? v4 : found).map(({ address }) => address);
};

export class DnsEndpoints {
  readonly #entry: ClusterEntry;
  readonly #refreshMs: number;
  readonly #resolve: ResolveName;
  readonly #clock: Clock;
  readonly #onEndpoints: (endpoints: readonly EndpointEntry[]) => void;
  readonly #known = new Map<string, readonly string[]>();
  #cancel: (() => void) | undefined;
  #stopped = false;

  /** `onEndpoints` is called after each round, the first one included, whether or not anything changed. */
  constructor(
    entry: ClusterEntry,
    refreshMs: number,
    resolve: ResolveName,
    clock: Clock,
    onEndpoints: (endpoints: readonly EndpointEntry[]) => void,
  ) {
    this.#entry = entry;
    this.#refreshMs = refreshMs;
    this.#resolve = resolve;
    this.#clock = clock;
    this.#onEndpoints = onEndpoints;
    void this.#round();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  async #round(): Promise<void> {
    const names = [...new Set(this.#entry.endpoints.map(({ address }) => address))];
    await Promise.all(names.map((name) => this.#resolveOne(name)));
    if (this.#stopped) return;
    this.#onEndpoints(this.#entry.endpoints.flatMap((endpoint) => this.#expand(endpoint)));
    this.#cancel = this.#clock.after(this.#refreshMs, () => void this.#round());
  }

  async #resolveOne(name: string): Promise<void> {
    if (isIP(name) !== 0) {
      this.#known.set(name, [name]);
      return;
    }
    try {
      this.#known.set(name, await this.#resolve(name));
    } catch {
      // The last addresses stay.
    }
  }

  /** A logical DNS cluster connects to the first address of the moment; a strict one has an endpoint for each. */
  #expand(endpoint: EndpointEntry): readonly EndpointEntry[] {
    const all = this.#known.get(endpoint.address) ?? [];
    const used = this.#entry.discovery === 'logical-dns' ? all.slice(0, 1) : all;
    return used.map((address) => ({
      ...endpoint,
      address,
      hostname: endpoint.hostname === '' ? endpoint.address : endpoint.hostname,
      key: formatAddress(address, endpoint.port),
    }));
  }
}
