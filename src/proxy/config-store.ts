// The proxy's configuration as bootstrap and xDS tell it: listeners and routes here, clusters in cluster-store. A listener goes live when the routes and
// secrets it names are there (or were waited for long enough), and keeps its last good configuration when a new one is refused.
import { equals } from '@bufbuild/protobuf';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/logger.ts';
import type { FileReader } from '#decide/data-source.ts';
import type { FilterChainEntry, ListenerEntry } from '#decide/listener-entry.ts';
import { compileListener } from '#decide/listener-table.ts';
import { compileRouteTable } from '#decide/route-table.ts';
import { secretsOfListener } from '#decide/secret-reference.ts';
import type { SecretReference } from '#decide/tls-entry.ts';
import type { Listener } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import { type RouteConfiguration, RouteConfigurationSchema } from '#envoy/gen/envoy/config/route/v3/route_pb.js';
import { type Refusal, refusalsOf } from '#proxy/cluster-store.ts';
import type { Listeners } from '#proxy/listeners.ts';
import type { RouteCells } from '#proxy/route-cells.ts';
import { type SecretNeeds, SecretWait } from '#proxy/tls/secret-wait.ts';

export type ConfigStoreParts = {
  readonly listeners: Pick<Listeners, 'apply' | 'remove'>;
  readonly routes: RouteCells;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly readFile: FileReader;
  readonly secrets: SecretNeeds;
  /** The names that RDS shall be asked for have changed. */
  readonly onRouteNames: (names: readonly string[]) => void;
  /** What `secrets` says may have changed. */
  readonly onSecretNames: () => void;
  /** Some listener went live or was removed. */
  readonly onChange: () => void;
};

type Stored = {
  readonly message: Listener;
  readonly entry: ListenerEntry;
  readonly routeNames: readonly string[];
  readonly secrets: readonly SecretReference[];
  readonly isStatic: boolean;
  /** No version of it was in force yet. */
  readonly isFirst: boolean;
  live: boolean;
  activating: boolean;
  /** Has waited long enough for them. */
  gaveUpRoutes: boolean;
  readonly secretWait: SecretWait;
  cancelWait: (() => void) | undefined;
};

const fetchTimeoutMs = 15_000;

export class ConfigStore {
  readonly #parts: ConfigStoreParts;
  /** The newest good version of each; not live while it warms. */
  readonly #stored = new Map<string, Stored>();
  readonly #routes = new Map<string, RouteConfiguration>();

  constructor(parts: ConfigStoreParts) {
    this.#parts = parts;
  }

  listenerMessages(): readonly { readonly message: Listener; readonly isStatic: boolean; readonly live: boolean }[] {
    return [...this.#stored.values()];
  }

  routeMessages(): readonly RouteConfiguration[] {
    return [...this.#routes.values()];
  }

  /** What RDS is to be asked for. */
  routeNames(): readonly string[] {
    return [...new Set([...this.#stored.values()].flatMap(({ routeNames }) => routeNames))].sort();
  }

  /** The secrets that listeners name. */
  secrets(): readonly SecretReference[] {
    return [...this.#stored.values()].flatMap((stored) => stored.secrets);
  }

  /** Some secret has come: listeners that waited for it go live. */
  async secretsChanged(): Promise<void> {
    await this.#activateReady();
  }

  /** Names of listeners that wait for their routes or secrets. */
  warming(): readonly string[] {
    return [...this.#stored].filter(([, { live }]) => !live).map(([name]) => name);
  }

  async updateListeners(updated: Iterable<Listener>, removed: readonly string[], isStatic: boolean): Promise<readonly Refusal[]> {
    const refusals: Refusal[] = [];
    for (const name of removed) this.#remove(name, isStatic);
    // First those to whom others hand over.
    for (const message of [...updated].sort((a, b) => Number(handsOver(a)) - Number(handsOver(b)))) {
      const compiled = compileListener(message, this.#parts.readFile);
      if (!compiled.ok) refusals.push(...refusalsOf(compiled.error));
      else refusals.push(...(await this.#put(message, compiled.value, isStatic)));
    }
    await this.#activateReady();
    this.#parts.onRouteNames(this.routeNames());
    this.#parts.onSecretNames();
    this.#parts.onChange();
    return refusals;
  }

  /** Like Envoy, a route configuration that is said to be gone stays in force as long as a listener names it, and one that is not there is waited for. */
  async updateRoutes(updated: Iterable<RouteConfiguration>, removed: readonly string[]): Promise<readonly Refusal[]> {
    const refusals: Refusal[] = [];
    for (const message of updated) {
      // As Envoy: what did not change stays as it is, token buckets included.
      const before = this.#routes.get(message.name);
      if (before !== undefined && equals(RouteConfigurationSchema, before, message)) continue;
      const compiled = compileRouteTable(message, this.#parts.readFile);
      if (!compiled.ok) {
        refusals.push(...refusalsOf(compiled.error));
        continue;
      }
      this.#routes.set(message.name, message);
      this.#parts.routes.set(message.name, compiled.value);
    }
    const named = new Set(this.routeNames());
    for (const name of removed) {
      if (named.has(name)) continue;
      this.#routes.delete(name);
      this.#parts.routes.set(name, undefined);
    }
    await this.#activateReady();
    this.#parts.onChange();
    return refusals;
  }

  stop(): void {
    for (const stored of this.#stored.values()) stopWaiting(stored);
  }

  async #put(message: Listener, entry: ListenerEntry, isStatic: boolean): Promise<readonly Refusal[]> {
    const before = this.#stored.get(entry.name);
    if (!isStatic && before?.isStatic === true) return [{ resource: entry.name, message: 'is a static listener of the bootstrap' }];
    const secrets = secretsOfListener(entry);
    const problem = secrets.map((secret) => this.#parts.secrets.problem(secret)).find((found) => found !== undefined);
    if (problem !== undefined) return [{ resource: entry.name, message: problem }];
    const stored: Stored = {
      message,
      entry,
      routeNames: routeNamesOf(entry),
      secrets,
      isStatic,
      isFirst: before === undefined || (before.isFirst && !before.live),
      live: false,
      activating: false,
      gaveUpRoutes: false,
      secretWait: new SecretWait(secrets, this.#parts.secrets, this.#parts.clock),
      cancelWait: undefined,
    };
    if (this.#isReady(stored)) {
      const applied = await this.#parts.listeners.apply(message, entry);
      if (!applied.ok) return [{ resource: entry.name, message: applied.error }];
      stored.live = true;
    } else {
      this.#wait(stored);
    }
    if (before !== undefined) stopWaiting(before);
    this.#stored.set(entry.name, stored);
    return [];
  }

  /**
   * As Envoy, which accepts nothing before its first listeners have all that they wait for: who hands connections over begins when those who get them
   * are there. Until then they would go where nobody's listener is asked.
   */
  #isReady({ message, routeNames, gaveUpRoutes, secretWait, isFirst }: Stored): boolean {
    if (isFirst && handsOver(message) && [...this.#stored.values()].some((other) => !other.live && !handsOver(other.message))) return false;
    return secretWait.isOver && (gaveUpRoutes || routeNames.every((name) => this.#routes.has(name)));
  }

  #wait(stored: Stored): void {
    const { entry, secretWait } = stored;
    stored.cancelWait = this.#parts.clock.after(fetchTimeoutMs, () => {
      stored.gaveUpRoutes = true;
      void this.#activateReady();
    });
    if (secretWait.isOver) return;
    this.#parts.logger.log('info', 'listener waits for secrets', { listener: entry.name, secrets: secretWait.missing.join(', ') });
    secretWait.start(() => {
      this.#parts.logger.log('warn', 'listener goes without secrets', { listener: entry.name, secrets: secretWait.missing.join(', ') });
      void this.#activateReady();
    });
  }

  /** Again while something became live by it: what waited for that may have been named since this round began, and passed over by another one. */
  async #activateReady(): Promise<void> {
    for (let again = true; again; ) {
      again = false;
      const handingOverLast = [...this.#stored].sort(([, a], [, b]) => Number(handsOver(a.message)) - Number(handsOver(b.message)));
      for (const [name, stored] of handingOverLast) {
        if (!stored.live && this.#isReady(stored) && (await this.#activate(name, stored))) again = true;
      }
    }
  }

  /**
   * What fails here cannot be told as a NACK any more: the listener was accepted before its routes and secrets came. False: another round is at it, or it
   * is out of date.
   */
  async #activate(name: string, stored: Stored): Promise<boolean> {
    stopWaiting(stored);
    if (this.#stored.get(name) !== stored || stored.activating) return false;
    stored.activating = true;
    const applied = await this.#parts.listeners.apply(stored.message, stored.entry);
    stored.live = true;
    if (!applied.ok) this.#parts.logger.log('error', 'listener cannot be used', { listener: name, reason: applied.error });
    this.#parts.onChange();
    return true;
  }

  #remove(name: string, isStatic: boolean): void {
    const stored = this.#stored.get(name);
    if (stored === undefined || stored.isStatic !== isStatic) return;
    stopWaiting(stored);
    this.#stored.delete(name);
    this.#parts.listeners.remove(name);
  }
}

/** Istio's virtualOutbound. */
function handsOver({ useOriginalDst }: Listener): boolean {
  return useOriginalDst === true;
}

function stopWaiting(stored: Stored): void {
  stored.cancelWait?.();
  stored.cancelWait = undefined;
  stored.secretWait.stop();
}

function routeNamesOf(entry: ListenerEntry): readonly string[] {
  const chains: readonly FilterChainEntry[] =
    entry.defaultFilterChain === undefined ? entry.filterChains : [...entry.filterChains, entry.defaultFilterChain];
  const names = chains.flatMap(({ filters }) =>
    filters.flatMap((filter) => (filter.kind === 'http' && filter.manager.routes.kind === 'rds' ? [filter.manager.routes.name] : [])),
  );
  return [...new Set(names)];
}
