// The keys of the token issuers that the mesh names: fetched as soon as a policy wants them, again every twenty minutes, and again soon where that
// failed. What was fetched last stays in force as long as nothing better comes; without any, compiling has its keys of nobody.
import { type Dial, type DownloadOptions, downloadKeys, type KeyAddress, type Place, portOf } from '#app/key-download.ts';
import type { Clock } from '#base/clock.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import type { Logger } from '#base/logger.ts';
import { failed, type Result } from '#base/result.ts';
import type { TokenKeys } from '#compile/token-keys.ts';
import type { Mesh } from '#model/mesh.ts';
import type { JwtRule } from '#model/request-authentication.ts';
import type { Endpoint, Service } from '#model/service.ts';

export type TokenKeyStoreOptions = {
  readonly clock: Clock;
  readonly logger: Logger;
  /** In [0, 1): so that not everything is fetched at one moment. */
  readonly random: () => number;
  /** `downloadKeys` unless a test has another. */
  readonly fetch?: (address: KeyAddress, options: DownloadOptions) => Promise<Result<string, string>>;
  /** Whom to trust beside the roots of the system, PEM. */
  readonly roots?: readonly string[];
  /** The way to issuers outside the mesh, where this process has none of its own. */
  readonly dial?: Dial | undefined;
};

/** Source: Istio, PILOT_JWT_PUB_KEY_REFRESH_INTERVAL, JwtPubKeyRefreshIntervalOnFailure and JwtPubKeyEvictionDuration. */
const refreshMs = 20 * 60_000;
const firstRetryMs = 1000;
const staleRetryMs = 60_000;
const longestRetryMs = 10 * 60_000;
const staleLimitMs = 7 * 24 * 3_600_000;
/** How long an issuer that is a service of the mesh may take to begin, before a word is said about it: it often starts with the mesh. */
const graceMs = 5000;

type Entry = {
  readonly address: KeyAddress;
  timeoutMs: number;
  readonly wantedSinceMs: number;
  /** Where it was asked the last time, if that is in the mesh. */
  place: string | undefined;
  isUnderWay: boolean;
  keys: string | undefined;
  fetchedMs: number;
  /** Why the last try failed, and how many failed in a row. */
  problem: string | undefined;
  failures: number;
  cancel: () => void;
  /** Ends the wait for an issuer that is about to begin. */
  cancelGrace: () => void;
};

/** What of the mesh it goes by. */
export type KeyMesh = Pick<Mesh, 'requestAuthentications' | 'services'> & {
  /** Whether nothing runs at an endpoint yet: its address was made up. Nobody may be asked for keys there. */
  readonly isPlaceholder?: (endpoint: Endpoint) => boolean;
};

export class TokenKeyStore implements TokenKeys, Disposable {
  readonly #options: TokenKeyStoreOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Set<() => void>();
  #mesh: KeyMesh = { requestAuthentications: [], services: new Map() };
  /** Whoever tells of a new mesh looks at everything afterwards. */
  #isFollowing = false;

  constructor(options: TokenKeyStoreOptions) {
    this.#options = options;
  }

  readonly find = (rule: JwtRule): string | undefined => {
    const address = addressOf(rule);
    return address === undefined ? undefined : this.#entries.get(keyOf(address))?.keys;
  };

  /** Fetches what the mesh's policies name and is not there yet, and forgets what none of them names any more. */
  follow(mesh: KeyMesh): void {
    this.#mesh = mesh;
    this.#isFollowing = true;
    const wanted = new Map<string, { readonly address: KeyAddress; readonly timeoutMs: number }>();
    for (const { rules } of mesh.requestAuthentications) {
      for (const rule of rules) {
        const address = addressOf(rule);
        if (address !== undefined) wanted.set(keyOf(address), { address, timeoutMs: rule.timeoutMs });
      }
    }
    for (const [key, entry] of this.#entries) {
      if (wanted.has(key)) continue;
      cancel(entry);
      this.#entries.delete(key);
    }
    for (const [key, { address, timeoutMs }] of wanted) {
      const known = this.#entries.get(key);
      if (known === undefined) this.#start(key, address, timeoutMs);
      else {
        known.timeoutMs = timeoutMs;
        this.#tryAgain(known);
      }
    }
    this.#isFollowing = false;
  }

  /** Called when keys have changed, or what is to be said about them. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** HDL0101 for each rule whose keys could not be fetched the last time. Of an issuer in the mesh only after a while. */
  diagnostics({ requestAuthentications }: Pick<Mesh, 'requestAuthentications'>): readonly Diagnostic[] {
    return requestAuthentications.flatMap(({ namespace, name, rules }) =>
      rules.flatMap((rule) => {
        const address = addressOf(rule);
        const entry = address === undefined ? undefined : this.#entries.get(keyOf(address));
        return entry?.problem === undefined || this.#mayBegin(entry)
          ? []
          : [notFetched(`RequestAuthentication ${namespace}/${name}`, rule, entry.problem, entry.keys !== undefined)];
      }),
    );
  }

  [Symbol.dispose](): void {
    for (const entry of this.#entries.values()) cancel(entry);
    this.#entries.clear();
    this.#listeners.clear();
  }

  #start(key: string, address: KeyAddress, timeoutMs: number): void {
    const entry: Entry = {
      address,
      timeoutMs,
      wantedSinceMs: this.#options.clock.monotonicMs(),
      place: undefined,
      isUnderWay: false,
      keys: undefined,
      fetchedMs: 0,
      problem: undefined,
      failures: 0,
      cancel: () => {},
      cancelGrace: () => {},
    };
    this.#entries.set(key, entry);
    if (this.#serviceOf(address) !== undefined) entry.cancelGrace = this.#options.clock.after(graceMs, () => this.#endGrace(entry));
    this.#fetch(entry);
  }

  #fetch(entry: Entry): void {
    const { clock, fetch = downloadKeys, roots, dial } = this.#options;
    const abort = new AbortController();
    entry.place = this.#placeOf(entry.address);
    const service = this.#serviceOf(entry.address);
    if (service !== undefined && entry.place === undefined) {
      // A change of the mesh brings the next try, not patience.
      entry.failures = 0;
      this.#take(entry, failed(`Service ${service.namespace}/${service.name} has no endpoint that is ready`));
      return;
    }
    entry.isUnderWay = true;
    const stopTimer = clock.after(entry.timeoutMs, () => abort.abort());
    entry.cancel = () => {
      stopTimer();
      abort.abort();
    };
    const ways = { ...(roots !== undefined && { roots }), ...(dial !== undefined && { dial }) };
    void fetch(entry.address, { signal: abort.signal, locate: this.#locate, ...ways }).then((result) => {
      stopTimer();
      entry.isUnderWay = false;
      // Nobody wants it any more.
      if (this.#entries.get(keyOf(entry.address)) === entry) this.#take(entry, result);
    });
  }

  /** Who was not there and is now need not be waited for. */
  #tryAgain(entry: Entry): void {
    if (entry.keys !== undefined || entry.isUnderWay || this.#placeOf(entry.address) === entry.place) return;
    entry.cancel();
    this.#fetch(entry);
  }

  #placeOf(address: KeyAddress): string | undefined {
    const url = urlOf(address);
    const place = url === undefined ? undefined : this.#locate(url.hostname, portOf(url));
    return place === undefined ? undefined : `${place.address}:${place.port}`;
  }

  /** The service of the mesh that is to be asked, where it is one. */
  #serviceOf(address: KeyAddress): Service | undefined {
    const service = this.#mesh.services.get(urlOf(address)?.hostname ?? '');
    return service?.registry === 'kubernetes' ? service : undefined;
  }

  /** Whether it is in the mesh, and may well be about to begin. */
  #mayBegin({ address, keys, wantedSinceMs }: Entry): boolean {
    return keys === undefined && this.#options.clock.monotonicMs() < wantedSinceMs + graceMs && this.#serviceOf(address) !== undefined;
  }

  /** Services of the mesh by their full names: an issuer may run in it, and where pods are local processes no DNS knows them. */
  readonly #locate = (hostname: string, port: number): Place | undefined => {
    const { services, isPlaceholder = () => false } = this.#mesh;
    const service = services.get(hostname);
    if (service?.registry !== 'kubernetes') return undefined;
    const serves = (one: Endpoint): boolean => one.servicePortNumber === port && one.health === 'ready' && !isPlaceholder(one);
    const endpoint = service.endpoints.find(serves);
    return endpoint === undefined ? undefined : { address: endpoint.address, port: endpoint.port };
  };

  #take(entry: Entry, result: Result<string, string>): void {
    const { clock, logger, random } = this.#options;
    const before = { keys: entry.keys, problem: entry.problem };
    const nowMs = clock.monotonicMs();
    if (result.ok) {
      Object.assign(entry, { keys: result.value, fetchedMs: nowMs, problem: undefined, failures: 0 });
    } else {
      entry.problem = result.error;
      entry.failures += 1;
      // Keys that were good a week ago may have been given up since because somebody stole them.
      if (entry.keys !== undefined && nowMs - entry.fetchedMs > staleLimitMs) entry.keys = undefined;
      if (before.problem !== result.error && !this.#mayBegin(entry))
        logger.log('warn', 'keys of a token issuer could not be fetched', { reason: result.error, stale: entry.keys !== undefined });
    }
    entry.cancel = clock.after(delayOf(entry) * (0.9 + 0.2 * random()), () => this.#fetch(entry));
    if (before.keys !== entry.keys || (before.problem !== entry.problem && !this.#mayBegin(entry))) this.#tell();
  }

  #endGrace({ problem, keys }: Entry): void {
    if (problem === undefined) return;
    this.#options.logger.log('warn', 'keys of a token issuer could not be fetched', { reason: problem, stale: keys !== undefined });
    this.#tell();
  }

  #tell(): void {
    if (this.#isFollowing) return;
    for (const listener of this.#listeners) listener();
  }
}

function cancel(entry: Entry): void {
  entry.cancel();
  entry.cancelGrace();
}

function urlOf(address: KeyAddress): URL | undefined {
  const uri = address.kind === 'uri' ? address.uri : address.issuer;
  return URL.canParse(uri) ? new URL(uri) : undefined;
}

function delayOf({ failures, keys }: Entry): number {
  if (failures === 0) return refreshMs;
  return Math.min(longestRetryMs, (keys === undefined ? firstRetryMs : staleRetryMs) * 2 ** Math.min(failures - 1, 20));
}

/** Undefined for keys that are written in the policy, and for an issuer that is no URL: the model says so. */
function addressOf({ keys, issuer }: JwtRule): KeyAddress | undefined {
  if (keys.kind === 'uri') return keys;
  return keys.kind === 'discovery' && /^https?:\/\//.test(issuer) ? { kind: 'discovery', issuer } : undefined;
}

function keyOf(address: KeyAddress): string {
  return address.kind === 'uri' ? `uri ${address.uri}` : `issuer ${address.issuer}`;
}

function notFetched(policy: string, { origin }: JwtRule, reason: string, isStale: boolean): Diagnostic {
  const common = { code: 'HDL0101', at: origin, hint: 'see that the control plane can reach it; it tries again by itself' } as const;
  return isStale
    ? { ...common, severity: 'warning', message: `${policy}: no new keys (${reason}); the last ones stay in force` }
    : { ...common, severity: 'error', message: `${policy}: no keys (${reason}), so every token of this issuer is refused` };
}
