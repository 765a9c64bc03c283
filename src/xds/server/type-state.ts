// One resource type on one stream: what the client wants, has, was sent and has rejected; from these, what to send next.
// Never more than one response under way; a rejected version is not sent again until the content changes.
import { create } from '@bufbuild/protobuf';
import { ClusterLoadAssignmentSchema } from '#envoy/gen/envoy/config/endpoint/v3/endpoint_pb.js';
import { XdsResource } from '#envoy/resource.ts';
import { type TypeUrl, typeUrls } from '#envoy/type-url.ts';
import type { XdsMode } from '#xds/ads-service.ts';
import type { Push } from '#xds/server/framing.ts';
import { Interest } from '#xds/server/interest.ts';
import { versionOf, versionOfAll } from '#xds/server/version.ts';

export type Resources = ReadonlyMap<string, XdsResource>;

/** What a response would carry, before it has a nonce. */
export type Selection = Pick<Push, 'version' | 'resources' | 'removed'>;

/** In `#held`: the client knows that there is no such resource. */
const absent = '';

/** In `#held`: the client may have any version that it was sent. */
const unknown = '?';

export class TypeState {
  readonly typeUrl: TypeUrl;
  readonly interest: Interest;
  readonly #mode: XdsMode;
  readonly #held = new Map<string, string>();
  readonly #rejected = new Map<string, string>();
  /** Names that must be in the next response even if the client should have them. */
  readonly #owed = new Set<string>();
  /** After a NACK of several resources: smaller groups, to be sent one by one, until the bad one is alone. */
  readonly #groups: (readonly string[])[] = [];
  /** SotW clusters and listeners: the last set sent, to hold back removals from. */
  #lastSent: Resources = new Map();
  #lastVersion: string | undefined;
  #owesAnswer: boolean;
  #inFlight: Push | undefined;
  /** What the client will hold if it takes what is under way. */
  readonly #coming = new Map<string, string>();
  #settledWith: Resources | undefined;

  constructor(typeUrl: TypeUrl, mode: XdsMode) {
    this.typeUrl = typeUrl;
    this.#mode = mode;
    this.interest = new Interest(typeUrl);
    this.#owesAnswer = true;
  }

  get inFlight(): Push | undefined {
    return this.#inFlight;
  }

  /** Delta: the client comes back with these versions (`initial_resource_versions`) and needs only what differs. */
  resumeDelta(versions: Readonly<Record<string, string>>): void {
    for (const [name, version] of Object.entries(versions)) {
      this.#held.set(name, version);
      this.#owesAnswer = false;
    }
  }

  /** SotW: the client comes back with this version. True where that is what it would get, so that nothing has to be sent. */
  resumeSotw(version: string, desired: Resources): boolean {
    const wanted = this.#wanted(desired);
    if (version !== this.versionOf(desired)) return false;
    for (const resource of wanted) this.#held.set(resource.name, resource.version);
    this.#lastVersion = version;
    this.#lastSent = new Map(wanted.map((resource) => [resource.name, resource]));
    this.#owesAnswer = false;
    return true;
  }

  /** The client asks again for everything: there must be a response, even if it says nothing new. */
  oweAnswer(): void {
    this.#owesAnswer = true;
    this.#settledWith = undefined;
  }

  /** These names must be answered, whatever the client is believed to have. */
  owe(names: Iterable<string>): void {
    for (const name of names) this.#owed.add(name);
    this.#settledWith = undefined;
  }

  /** To be called after each change of `interest`: what the client gave up is forgotten. */
  interestChanged(): void {
    for (const map of [this.#held, this.#rejected, this.#owed]) for (const name of map.keys()) if (!this.interest.has(name)) map.delete(name);
    this.#settledWith = undefined;
  }

  /**
   * What to send next; undefined when the client has it all, or will have with what is under way. `keepsRemoved` is asked only when
   * resources are gone: if it says so, the client keeps them for now.
   */
  select(desired: Resources, keepsRemoved: () => boolean): Selection | undefined {
    if (this.#settledWith === desired) return undefined;
    let kept = false;
    const keep = () => {
      kept = keepsRemoved();
      return kept;
    };
    const selection = this.#isWholeTruth() ? this.#selectWhole(desired, keep) : this.#selectChanged(desired, keep);
    if (selection === undefined && !kept) this.#settledWith = desired;
    return selection;
  }

  sent(push: Push): void {
    this.#inFlight = push;
    this.#owesAnswer = false;
    this.#lastVersion = push.version;
    this.#settledWith = undefined;
    // Where there are groups, what was selected is the first of them.
    this.#groups.shift();
    for (const { name, version } of push.resources) this.#coming.set(name, version);
    for (const name of push.removed) this.#coming.set(name, absent);
    for (const name of this.#coming.keys()) this.#owed.delete(name);
    if (this.#isWholeTruth()) {
      this.#owed.clear();
      this.#lastSent = new Map(push.resources.map((resource) => [resource.name, resource]));
    }
  }

  /** The client has taken what was under way. */
  acknowledged(): void {
    const push = this.#land();
    if (push === undefined) return;
    if (this.#isWholeTruth()) this.#held.clear();
    for (const { name, version } of push.resources) {
      this.#rejected.delete(name);
      if (this.interest.has(name)) this.#held.set(name, version);
    }
    for (const name of push.removed) {
      // A name that was asked for by itself is remembered as absent, so that it is not told again and again.
      if (this.interest.names.has(name)) this.#held.set(name, absent);
      else this.#held.delete(name);
    }
  }

  /** The client has refused what was under way, for the reason in `error`. Gives the names it is about. */
  refused(error: string): readonly string[] {
    const push = this.#land();
    if (push === undefined) return [];
    const named = push.resources.filter(({ name }) => blames(error, name));
    const culprits = named.length > 0 ? named : push.resources.length === 1 || this.#isWholeTruth() ? push.resources : [];
    for (const { name, version } of culprits) this.#rejected.set(name, version);
    if (!this.#isWholeTruth()) this.#regroup(push, culprits);
    return culprits.map(({ name }) => name);
  }

  /** The names whose present content the client has refused. */
  rejectedNames(desired: Resources): readonly string[] {
    return [...this.#rejected].filter(([name, version]) => desired.get(name)?.version === version).map(([name]) => name);
  }

  /** Whether there is anything that the client has refused, now or before. */
  get wasRefused(): boolean {
    return this.#rejected.size > 0;
  }

  /** The version of all that the client wants. */
  versionOf(desired: Resources): string {
    return this.interest.wildcard ? versionOfAll(desired) : versionOf(this.#wanted(desired));
  }

  /** True where the client has taken exactly this content. */
  holds(resource: XdsResource): boolean {
    return this.#held.get(resource.name) === resource.version;
  }

  /** How many resources the client has. */
  get heldCount(): number {
    let count = 0;
    for (const version of this.#held.values()) if (version !== absent) count += 1;
    return count;
  }

  #land(): Push | undefined {
    const push = this.#inFlight;
    this.#inFlight = undefined;
    this.#coming.clear();
    this.#settledWith = undefined;
    return push;
  }

  /** What was refused only for its neighbours' sake is sent again without them; if nobody is named, in halves. */
  #regroup(push: Push, culprits: readonly XdsResource[]): void {
    const rest = push.resources.filter((resource) => !culprits.includes(resource)).map(({ name }) => name);
    if (rest.length === 0) return;
    // Some clients take the good ones of a response that they refuse, some do not.
    for (const name of rest) this.#held.set(name, unknown);
    if (culprits.length > 0) this.#groups.push(rest);
    else this.#groups.push(rest.slice(0, rest.length >> 1), rest.slice(rest.length >> 1));
  }

  /** SotW clusters and listeners: a response without a resource removes it, so each one carries them all. */
  #isWholeTruth(): boolean {
    return this.#mode === 'sotw' && (this.typeUrl === typeUrls.cluster || this.typeUrl === typeUrls.listener);
  }

  #wanted(desired: Resources): XdsResource[] {
    if (this.interest.wildcard) return [...desired.values()];
    return [...this.interest.names].flatMap((name) => desired.get(name) ?? []);
  }

  #selectWhole(desired: Resources, keepsRemoved: () => boolean): Selection | undefined {
    const wanted = this.#wanted(desired);
    const gone = [...this.#lastSent.values()].filter(({ name }) => !desired.has(name) && this.interest.has(name));
    const resources = gone.length > 0 && keepsRemoved() ? [...wanted, ...gone] : wanted;
    const version = resources === wanted ? this.versionOf(desired) : versionOf(resources);
    if (version === this.#lastVersion && !this.#owesAnswer && this.#owed.size === 0) return undefined;
    return { version, resources, removed: [] };
  }

  #selectChanged(desired: Resources, keepsRemoved: () => boolean): Selection | undefined {
    const wanted = this.#wanted(desired);
    for (let group = this.#groups.shift(); group !== undefined; group = this.#groups.shift()) {
      const resources = group.flatMap((name) => desired.get(name) ?? []).filter((resource) => this.#needs(resource));
      // Left in the queue until it is sent: selecting alone must change nothing.
      if (resources.length > 0) {
        this.#groups.unshift(group);
        return { version: this.versionOf(desired), resources, removed: [] };
      }
    }
    const resources = [...wanted.filter((resource) => this.#needs(resource)), ...this.#emptyAssignments(desired)];
    const removed = this.#mode === 'delta' ? this.#gone(desired, keepsRemoved) : [];
    if (resources.length === 0 && removed.length === 0 && !this.#owesAnswer) return undefined;
    return { version: this.versionOf(desired), resources, removed };
  }

  /**
   * State of the world cannot say that something does not exist, and Envoy holds back a cluster, and its answer to all clusters, until
   * it has endpoints (for 15 s: initial_fetch_timeout). So an assignment that was asked for and is not there is an empty one.
   */
  #emptyAssignments(desired: Resources): readonly XdsResource[] {
    if (this.#mode !== 'sotw' || this.typeUrl !== typeUrls.endpoint) return [];
    const missing = [...this.#owed].filter((name) => !desired.has(name) && this.interest.names.has(name));
    return missing.map((clusterName) => {
      const message = create(ClusterLoadAssignmentSchema, { clusterName });
      return new XdsResource(typeUrls.endpoint, clusterName, ClusterLoadAssignmentSchema, message);
    });
  }

  #needs({ name, version }: XdsResource): boolean {
    if (this.#owed.has(name)) return this.interest.has(name);
    return this.interest.has(name) && this.#has(name) !== version && this.#rejected.get(name) !== version;
  }

  /** The version that the client has or is about to have. */
  #has(name: string): string | undefined {
    return this.#coming.get(name) ?? this.#held.get(name);
  }

  /** Delta: names that the client has (unless it is to keep them) or asks about, and that do not exist (any more). */
  #gone(desired: Resources, keepsRemoved: () => boolean): readonly string[] {
    const had: string[] = [];
    for (const map of [this.#held, this.#coming]) {
      for (const name of map.keys()) if (!desired.has(name) && this.#has(name) !== absent) had.push(name);
    }
    const asked: string[] = [];
    for (const name of this.interest.names) {
      if (!desired.has(name) && (this.#owed.has(name) || this.#has(name) === undefined)) asked.push(name);
    }
    return had.length === 0 || keepsRemoved() ? asked : [...new Set([...had, ...asked])];
  }
}

/**
 * Whether the text of a refusal says `name: reason`, as Envoy's do for clusters and listeners and our client's for everything. A name
 * that merely occurs proves nothing: `80` is a route configuration.
 */
function blames(error: string, name: string): boolean {
  if (name === '') return false;
  for (let at = error.indexOf(`${name}:`); at >= 0; at = error.indexOf(`${name}:`, at + 1)) {
    if (at === 0 || ' ,;('.includes(error.charAt(at - 1))) return true;
  }
  return false;
}
