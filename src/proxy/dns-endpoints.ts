// STRICT_DNS and LOGICAL_DNS clusters: endpoints with names in, endpoints with addresses out, again and again. A name that cannot be resolved keeps the
// addresses it had (Envoy does the same); before the first answer it has none.
import { lookup, Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Clock } from '#base/clock.ts';
import type { ClusterEntry, EndpointEntry } from '#decide/cluster-entry.ts';
import { formatAddress } from '#proxy/downstream-connection.ts';

export type ResolvedName = { readonly addresses: readonly string[] /** How long the answer holds, where that is known. */; readonly ttlMs?: number };

/** Addresses of a name, in the order of the resolver; their lifetime only where it is asked for. Rejects where there are none. */
export type ResolveName = (name: string, wantsTtl: boolean) => Promise<ResolvedName>;

/**
 * The system's resolver, /etc/hosts included; IPv4 alone where there is any (dns_lookup_family AUTO differs, Istio sets V4_ONLY). It does not say for how
 * long its answer holds: DNS is asked for that beside it.
 */
export const systemResolver: ResolveName = async (name, wantsTtl) => {
  const [found, ttlMs] = await Promise.all([lookup(name, { all: true }), wantsTtl ? shortestTtlMs(name) : undefined]);
  const v4 = found.filter(({ family }) => family === 4);
  const addresses = (v4.length > 0 ? v4 : found).map(({ address }) => address);
  return ttlMs === undefined ? { addresses } : { addresses, ttlMs };
};

/** An endpoint does not wait for the lifetime of its address longer than this. */
const ttlPatienceMs = 300;

/** Undefined for a name that DNS does not know, such as one of /etc/hosts, and where it does not answer at once. */
async function shortestTtlMs(name: string): Promise<number | undefined> {
  try {
    const records = await new Resolver({ timeout: ttlPatienceMs, tries: 1 }).resolve4(name, { ttl: true });
    return records.length === 0 ? undefined : Math.min(...records.map(({ ttl }) => ttl)) * 1000;
  } catch {
    return undefined;
  }
}

export class DnsEndpoints {
  readonly #entry: ClusterEntry;
  readonly #resolve: ResolveName;
  readonly #clock: Clock;
  readonly #onEndpoints: (endpoints: readonly EndpointEntry[]) => void;
  readonly #known = new Map<string, readonly string[]>();
  /** Of this round: the shortest lifetime of an answer, and whether a name failed. */
  #ttlMs = Infinity;
  #failed = false;
  /** Rounds with a failure, in a row. */
  #failures = 0;
  #cancel: (() => void) | undefined;
  #stopped = false;

  /** `onEndpoints` is called after each round, the first one included, whether or not anything changed. */
  constructor(entry: ClusterEntry, resolve: ResolveName, clock: Clock, onEndpoints: (endpoints: readonly EndpointEntry[]) => void) {
    this.#entry = entry;
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
    this.#ttlMs = Infinity;
    this.#failed = false;
    await Promise.all(names.map((name) => this.#resolveOne(name)));
    if (this.#stopped) return;
    this.#onEndpoints(this.#entry.endpoints.flatMap((endpoint) => this.#expand(endpoint)));
    this.#cancel = this.#clock.after(this.#nextRoundMs(), () => void this.#round());
  }

  #nextRoundMs(): number {
    const { refreshMs, respectsTtl, failure } = this.#entry.dns;
    this.#failures = this.#failed ? this.#failures + 1 : 0;
    if (this.#failed && failure !== undefined) return Math.min(failure.baseMs * 2 ** (this.#failures - 1), failure.maxMs);
    return respectsTtl && this.#ttlMs > 0 && this.#ttlMs !== Infinity ? this.#ttlMs : refreshMs;
  }

  async #resolveOne(name: string): Promise<void> {
    if (isIP(name) !== 0) {
      this.#known.set(name, [name]);
      return;
    }
    try {
      const { addresses, ttlMs } = await this.#resolve(name, this.#entry.dns.respectsTtl);
      this.#known.set(name, addresses);
      if (ttlMs !== undefined) this.#ttlMs = Math.min(this.#ttlMs, ttlMs);
    } catch {
      // The last addresses stay.
      this.#failed = true;
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
