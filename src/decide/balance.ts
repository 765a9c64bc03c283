// Chooses a host of a cluster: first a priority by health (spilling over, and panic), then a locality by weight, then a host by the cluster's policy.
// State is made once per change of endpoints or of their health; a choice looks at a few numbers and allocates nothing.
import type { ClusterEntry } from '#decide/cluster-entry.ts';
import { EdfSchedule } from '#decide/edf-schedule.ts';
import { HashRing } from '#decide/hash-ring.ts';
import type { HashTable } from '#decide/hash-table.ts';
import { bytesOf } from '#decide/hash64.ts';
import { type Chance, HostGroup } from '#decide/host-group.ts';
import { effectiveLocalities, sharesOf } from '#decide/localities.ts';
import { MaglevTable } from '#decide/maglev.ts';
import { type BalancedHost, type Level, levelsOf, loadByPriority, type PriorityLoads } from '#decide/priority-load.ts';
import { Word64 } from '#decide/word64.ts';

/** The hosts behind one load: taken in turn by locality where localities have weights. */
type Source<Host extends BalancedHost> = { readonly groups: readonly HostGroup<Host>[]; readonly localities: EdfSchedule | undefined };

/** One priority of a cluster that is balanced by hash: its table points into `hosts`. */
type HashLevel<Host> = { readonly hosts: readonly Host[]; readonly table: HashTable };

/** What a cluster's balancer keeps between requests. Of `loads` and of what it points into, only one part is there. */
export type BalancerState<Host extends BalancedHost> = {
  readonly cluster: ClusterEntry;
  readonly chance: Chance;
  /** Points in 1 to 100 up to which a source or level takes requests, in Envoy's order: healthy hosts by priority, then degraded ones. */
  readonly cumulative: readonly number[];
  readonly sources: readonly Source<Host>[];
  /** Only for ring hash and maglev. */
  readonly hashLevels: readonly HashLevel<Host>[];
  readonly byHash: boolean;
};

/** `locality` is the proxy's own, `region/zone/sub_zone`; `excluded` are priorities that shall take nothing. */
export function newBalancerState<Host extends BalancedHost>(
  cluster: ClusterEntry,
  hosts: readonly Host[],
  chance: Chance,
  locality?: string,
  excluded?: ReadonlySet<number>,
): BalancerState<Host> {
  const levels = levelsOf(hosts);
  const loads = loadByPriority(levels, cluster, excluded);
  const byHash = cluster.balancing === 'ring-hash' || cluster.balancing === 'maglev';
  const built = byHash
    ? { sources: [], hashLevels: hashLevelsOf(cluster, levels, loads, locality) }
    : { sources: sourcesOf(cluster, levels, loads, chance), hashLevels: [] };
  return { cluster, chance, byHash, cumulative: cumulate([...loads.healthy, ...loads.degraded]), ...built };
}

/**
 * A host, or undefined where none may be used (503 UH). Hosts that `avoid` says to avoid (previous_hosts of a retry) are passed over for up to
 * `attempts` more draws, then taken all the same. `hash` places the request where the cluster is balanced by hash; without one any place will do.
 */
export function chooseHost<Host extends BalancedHost>(
  state: BalancerState<Host>,
  avoid?: (host: Host) => boolean,
  attempts = 1,
  hash?: Word64,
): Host | undefined {
  if (state.byHash) return chooseByHash(state, hash ?? randomWord(state.chance.random), avoid, attempts);
  const first = draw(state);
  if (avoid === undefined) return first;
  let chosen = first;
  for (let attempt = 0; attempt < attempts && chosen !== undefined && avoid(chosen); attempt++) chosen = draw(state);
  return chosen;
}

function draw<Host extends BalancedHost>({ sources, cumulative, chance }: BalancerState<Host>): Host | undefined {
  const source = sources.length === 1 ? sources[0] : sources[levelAt(cumulative, Math.floor(chance.random() * 100) + 1)];
  if (source === undefined) return undefined;
  const { localities, groups } = source;
  return groups[localities === undefined ? 0 : localities.next()]?.draw();
}

/** The first whose share reaches the point in 1 to 100. */
function levelAt(cumulative: readonly number[], point: number): number {
  for (let index = 0; index < cumulative.length; index++) if (point <= (cumulative[index] ?? 0)) return index;
  return -1;
}

function chooseByHash<Host extends BalancedHost>(
  { hashLevels, cumulative }: BalancerState<Host>,
  hash: Word64,
  avoid: ((host: Host) => boolean) | undefined,
  attempts: number,
): Host | undefined {
  const level = hashLevels[levelAt(cumulative, hash.modulo(100) + 1)];
  if (level === undefined) return undefined;
  let chosen = level.hosts[level.table.find(hash, 0)];
  if (avoid === undefined) return chosen;
  for (let attempt = 1; attempt <= attempts && chosen !== undefined && avoid(chosen); attempt++)
    chosen = level.hosts[level.table.find(hash, attempt)];
  return chosen;
}

function randomWord(random: () => number): Word64 {
  return new Word64(Math.floor(random() * 4294967296), Math.floor(random() * 4294967296));
}

function cumulate(loads: readonly number[]): readonly number[] {
  let sum = 0;
  return loads.map((load) => {
    sum += load;
    return sum;
  });
}

/** Healthy hosts of each priority, then degraded ones: one source for each load. A single source is the common case and needs no draw. */
function sourcesOf<Host extends BalancedHost>(
  cluster: ClusterEntry,
  levels: readonly Level<Host>[],
  { healthy, degraded, panic }: PriorityLoads,
  chance: Chance,
): readonly Source<Host>[] {
  const none: Source<Host> = { groups: [], localities: undefined };
  const source = (level: Level<Host>, priority: number, load: number, usable: readonly Host[]): Source<Host> => {
    if (load === 0) return none;
    if (panic[priority] === true) return cluster.failTrafficOnPanic ? none : flat(cluster, level.all, chance);
    return sourceOf(cluster, level, usable, chance);
  };
  const sources = [
    ...levels.map((level, priority) => source(level, priority, healthy[priority] ?? 0, level.healthy)),
    ...levels.map((level, priority) => source(level, priority, degraded[priority] ?? 0, level.degraded)),
  ];
  return healthy[0] === 100 ? sources.slice(0, 1) : sources;
}

function sourceOf<Host extends BalancedHost>(cluster: ClusterEntry, level: Level<Host>, usable: readonly Host[], chance: Chance): Source<Host> {
  const localities = cluster.localityWeighted ? effectiveLocalities(level, usable, cluster.overprovisioningFactor) : [];
  // Without weights localities do not matter.
  if (localities.length === 0) return flat(cluster, usable, chance);
  return {
    groups: localities.map(({ hosts }) => new HostGroup(hosts, cluster, chance)),
    localities: new EdfSchedule(localities.length, (index) => localities[index]?.weight ?? 1, chance.random()),
  };
}

function flat<Host extends BalancedHost>(cluster: ClusterEntry, hosts: readonly Host[], chance: Chance): Source<Host> {
  return { groups: [new HostGroup(hosts, cluster, chance)], localities: undefined };
}

/** Degraded hosts have no table of their own: Envoy looks in the one of the healthy hosts for them too. */
function hashLevelsOf<Host extends BalancedHost>(
  cluster: ClusterEntry,
  levels: readonly Level<Host>[],
  { panic }: PriorityLoads,
  locality: string | undefined,
): readonly HashLevel<Host>[] {
  const built = levels.map((level, priority) => {
    const shares = sharesOf(level, panic[priority] === true ? level.all : level.healthy, cluster.localityWeighted, locality);
    const keys = shares.map(({ host, share }) => ({ key: placeOf(cluster, host), weight: share }));
    const table = cluster.balancing === 'maglev' ? new MaglevTable(keys, cluster.maglevTableSize) : new HashRing(keys, cluster.ring);
    return { hosts: shares.map(({ host }) => host), table };
  });
  return [...built, ...built];
}

/** What places a host: the `hash_key` of its `envoy.lb` metadata, else its hostname or address. */
function placeOf(cluster: ClusterEntry, { entry }: BalancedHost): string {
  if (entry.hashKey !== '') return bytesOf(entry.hashKey);
  return cluster.hashesHostname ? bytesOf(entry.hostname) : entry.key;
}
