// Clusters and their endpoints as xDS tells them, and when a cluster goes live: as soon as it has its endpoints and secrets, or has waited for them
// long enough.
// A cluster that is in force is only ever replaced by one that is ready (make before break); each keeps its last good configuration.
import type { Clock } from '#base/clock.ts';
import { compileCluster } from '#decide/cluster.ts';
import type { ClusterEntry, EndpointEntry, EndpointSet } from '#decide/cluster-entry.ts';
import { type ConfigError, formatConfigError } from '#decide/config-error.ts';
import { compileEndpoints } from '#decide/endpoints.ts';
import { secretsOfCluster } from '#decide/secret-reference.ts';
import type { SecretReference } from '#decide/tls-entry.ts';
import type { Cluster } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import type { ClusterLoadAssignment } from '#envoy/gen/envoy/config/endpoint/v3/endpoint_pb.js';
import { DnsEndpoints, type ResolveName } from '#proxy/dns-endpoints.ts';
import { type SecretNeeds, SecretWait } from '#proxy/tls/secret-wait.ts';
import type { Clusters } from '#proxy/upstream/clusters.ts';

/** Why one resource was not taken; its last good version stays in force. */
export type Refusal = { readonly resource: string; readonly message: string };

export type ClusterStoreParts = {
  readonly clusters: Pick<Clusters, 'get' | 'set' | 'remove'>;
  readonly clock: Clock;
  readonly resolve: ResolveName;
  readonly secrets: SecretNeeds;
  /** The names that EDS shall be asked for have changed. */
  readonly onEndpointNames: (names: readonly string[]) => void;
  /** What `secrets` says may have changed. */
  readonly onSecretNames: () => void;
  /** Some cluster went live or was removed. */
  readonly onChange: () => void;
};

type Stored = {
  message: Cluster;
  entry: ClusterEntry;
  live: boolean;
  readonly isStatic: boolean;
  readonly secrets: readonly SecretReference[];
  readonly secretWait: SecretWait;
  /** Its endpoints, where they are there and secrets are not. */
  held: EndpointSet | undefined;
  dns: DnsEndpoints | undefined;
  cancelWait: (() => void) | undefined;
};

const defaultFetchTimeoutMs = 15_000;

export class ClusterStore {
  readonly #parts: ClusterStoreParts;
  readonly #stored = new Map<string, Stored>();
  readonly #endpoints = new Map<string, EndpointSet>();
  readonly #assignments = new Map<string, ClusterLoadAssignment>();

  /** Of all clusters that name no secret. */
  readonly #noWait: SecretWait;

  constructor(parts: ClusterStoreParts) {
    this.#parts = parts;
    this.#noWait = new SecretWait([], parts.secrets, parts.clock);
  }

  /** Messages in force or on their way there, for dumps. */
  messages(): readonly { readonly message: Cluster; readonly isStatic: boolean; readonly live: boolean }[] {
    return [...this.#stored.values()];
  }

  assignments(): readonly ClusterLoadAssignment[] {
    return [...this.#assignments.values()];
  }

  /** What EDS is to be asked for. */
  endpointNames(): readonly string[] {
    return [...new Set([...this.#stored.values()].flatMap(({ entry }) => (entry.discovery === 'eds' ? [entry.edsName] : [])))].sort();
  }

  /** The secrets that clusters name. */
  secrets(): readonly SecretReference[] {
    return [...this.#stored.values()].flatMap((stored) => stored.secrets);
  }

  /** Some secret has come: clusters that waited for it go live. */
  secretsChanged(): void {
    for (const stored of this.#stored.values()) this.#goOn(stored);
  }

  /** Names of clusters that wait for their endpoints or secrets. */
  warming(): readonly string[] {
    return [...this.#stored].filter(([, { live }]) => !live).map(([name]) => name);
  }

  /** A cluster of the bootstrap. */
  staticEntry(name: string): ClusterEntry | undefined {
    const stored = this.#stored.get(name);
    return stored?.isStatic === true ? stored.entry : undefined;
  }

  update(updated: Iterable<Cluster>, removed: readonly string[], isStatic: boolean): readonly Refusal[] {
    const refusals: Refusal[] = [];
    const left = removed.flatMap((name) => this.#remove(name, isStatic) ?? []);
    for (const message of updated) {
      const compiled = compileCluster(message);
      if (!compiled.ok) refusals.push(...refusalsOf(compiled.error));
      else if (!isStatic && this.#stored.get(message.name)?.isStatic === true)
        refusals.push({ resource: message.name, message: 'is a static cluster of the bootstrap' });
      else {
        const problem = this.#put(message, compiled.value, isStatic);
        if (problem !== undefined) refusals.push({ resource: message.name, message: problem });
      }
    }
    // Of those that another cluster goes on with nobody would tell again: they were never given up.
    for (const edsName of left) this.#forgetEndpoints(edsName);
    this.#parts.onEndpointNames(this.endpointNames());
    this.#parts.onSecretNames();
    this.#parts.onChange();
    return refusals;
  }

  updateEndpoints(updated: Iterable<ClusterLoadAssignment>, removed: readonly string[]): readonly Refusal[] {
    const refusals: Refusal[] = [];
    for (const name of removed) {
      // Like Envoy, what is in force stays; a cluster that waits learns that there are none.
      if (!this.#endpoints.has(name)) this.#place(name, { cluster: name, endpoints: [], overprovisioningFactor: 140 });
    }
    for (const message of updated) {
      const compiled = compileEndpoints(message);
      if (!compiled.ok) {
        refusals.push(...refusalsOf(compiled.error));
        continue;
      }
      this.#endpoints.set(message.clusterName, compiled.value);
      this.#assignments.set(message.clusterName, message);
      this.#place(message.clusterName, compiled.value);
    }
    this.#parts.onChange();
    return refusals;
  }

  stop(): void {
    for (const stored of this.#stored.values()) {
      stopWaiting(stored);
    }
  }

  /** Undefined: it was taken; else why not. */
  #put(message: Cluster, entry: ClusterEntry, isStatic: boolean): string | undefined {
    const secrets = secretsOfCluster(entry);
    const problem = secrets.map((secret) => this.#parts.secrets.problem(secret)).find((found) => found !== undefined);
    if (problem !== undefined) return problem;
    const before = this.#stored.get(entry.name);
    if (before !== undefined) stopWaiting(before);
    const secretWait = secrets.length === 0 ? this.#noWait : new SecretWait(secrets, this.#parts.secrets, this.#parts.clock);
    const stored: Stored = { message, entry, live: false, isStatic, secrets, secretWait, held: undefined, dns: undefined, cancelWait: undefined };
    this.#stored.set(entry.name, stored);
    if (!secretWait.isOver) secretWait.start(() => this.#goOn(stored));
    if (entry.discovery === 'eds') this.#warmByEds(stored);
    else if (entry.discovery === 'strict-dns' || entry.discovery === 'logical-dns') this.#warmByDns(stored);
    else this.#goLive(stored, entry.endpoints, entry.overprovisioningFactor);
    return undefined;
  }

  #warmByEds(stored: Stored): void {
    const known = this.#endpoints.get(stored.entry.edsName);
    if (known !== undefined) {
      this.#goLive(stored, known.endpoints, known.overprovisioningFactor);
      return;
    }
    const timeoutMs = fetchTimeoutMs(stored.message);
    if (timeoutMs > 0) stored.cancelWait = this.#parts.clock.after(timeoutMs, () => this.#goLive(stored, [], 140));
  }

  #warmByDns(stored: Stored): void {
    const { entry } = stored;
    stored.dns = new DnsEndpoints(entry, this.#parts.resolve, this.#parts.clock, (endpoints) => {
      const changed = !stored.live || !sameEndpoints(endpoints, this.#parts.clusters.get(entry.name)?.entry.endpoints ?? []);
      if (changed) this.#goLive(stored, endpoints, entry.overprovisioningFactor);
    });
  }

  #place(edsName: string, { endpoints, overprovisioningFactor }: EndpointSet): void {
    for (const stored of this.#stored.values()) {
      if (stored.entry.discovery === 'eds' && stored.entry.edsName === edsName) this.#goLive(stored, endpoints, overprovisioningFactor);
    }
  }

  #goLive(stored: Stored, endpoints: readonly EndpointEntry[], overprovisioningFactor: number): void {
    stored.cancelWait?.();
    stored.cancelWait = undefined;
    if (!stored.live && !stored.secretWait.isOver) {
      stored.held = { cluster: stored.entry.name, endpoints, overprovisioningFactor };
      return;
    }
    stored.secretWait.stop();
    stored.held = undefined;
    const first = !stored.live;
    stored.live = true;
    this.#parts.clusters.set({ ...stored.entry, endpoints, overprovisioningFactor });
    if (first) this.#parts.onChange();
  }

  /** Goes live where nothing but secrets was missing and they are there. */
  #goOn(stored: Stored): void {
    const { held } = stored;
    if (held !== undefined) this.#goLive(stored, held.endpoints, held.overprovisioningFactor);
  }

  /** Gives the name of its endpoints. */
  #remove(name: string, isStatic: boolean): string | undefined {
    const stored = this.#stored.get(name);
    if (stored === undefined || stored.isStatic !== isStatic) return undefined;
    stopWaiting(stored);
    this.#stored.delete(name);
    this.#parts.clusters.remove(name);
    return stored.entry.edsName;
  }

  #forgetEndpoints(edsName: string): void {
    for (const { entry } of this.#stored.values()) if (entry.edsName === edsName) return;
    this.#endpoints.delete(edsName);
    this.#assignments.delete(edsName);
  }
}

function stopWaiting(stored: Stored): void {
  stored.dns?.stop();
  stored.cancelWait?.();
  stored.secretWait.stop();
}

/** `eds_config.initial_fetch_timeout`; 0: wait for ever. */
function fetchTimeoutMs(message: Cluster): number {
  const timeout = message.edsClusterConfig?.edsConfig?.initialFetchTimeout;
  return timeout === undefined ? defaultFetchTimeoutMs : Number(timeout.seconds) * 1000 + timeout.nanos / 1e6;
}

function sameEndpoints(a: readonly EndpointEntry[], b: readonly EndpointEntry[]): boolean {
  return a.length === b.length && a.every(({ key }, index) => b[index]?.key === key);
}

/** One refusal per error, without the resource's name in its text. */
export function refusalsOf(errors: readonly ConfigError[]): readonly Refusal[] {
  return errors.map((error) => ({ resource: error.resource, message: formatConfigError({ ...error, resource: '' }) }));
}
