// How much of the load each priority takes, by the health of its hosts (Envoy: load balancing, "priority levels", "degraded endpoints",
// "panic threshold"). Priority 0 takes all while it is healthy enough; what it cannot take spills over to the next. Whole percents, as in Envoy.
import type { EndpointEntry } from '#decide/cluster-entry.ts';

/** A host as balancing sees it; `ejected` by outlier detection counts as unhealthy. */
export type BalancedHost = {
  readonly entry: EndpointEntry;
  readonly activeRequests: number;
  readonly ejected: boolean;
  /** Monotonic time at which it became a host of its cluster. */
  readonly addedMs: number;
};

export type Level<Host> = { readonly all: readonly Host[]; readonly healthy: readonly Host[]; readonly degraded: readonly Host[] };

/** By priority. `healthy` and `degraded` together sum to 100, or are all 0 where no host may be used. `panic`: its load goes to all its hosts. */
export type PriorityLoads = { readonly healthy: readonly number[]; readonly degraded: readonly number[]; readonly panic: readonly boolean[] };

export function levelsOf<Host extends BalancedHost>(hosts: readonly Host[]): readonly Level<Host>[] {
  const highest = hosts.reduce((most, { entry }) => Math.max(most, entry.priority), -1);
  return Array.from({ length: highest + 1 }, (_, priority) => {
    const all = highest === 0 ? hosts : hosts.filter(({ entry }) => entry.priority === priority);
    return { all, healthy: all.filter(isHealthy), degraded: all.filter(isDegraded) };
  });
}

export function isHealthy({ entry, ejected }: BalancedHost): boolean {
  return entry.healthy && !ejected;
}

export function isDegraded({ entry, ejected }: BalancedHost): boolean {
  return entry.degraded && !ejected;
}

type Rules = { readonly overprovisioningFactor: number; readonly panicThresholdPercent: number };

/** `attempted`: priorities that an earlier attempt of the same request went to and that take nothing now (previous_priorities of a retry). */
export function loadByPriority(levels: readonly Level<BalancedHost>[], rules: Rules, attempted?: ReadonlySet<number>): PriorityLoads {
  const spread = (usable: 'healthy' | 'degraded') =>
    levels.map((level, priority) => (attempted?.has(priority) === true ? 0 : availability(level[usable].length, level.all.length, rules)));
  const health = spread('healthy');
  const degradation = spread('degraded');
  const total = Math.min(100, sum(health) + sum(degradation));
  const panic = levels.map((level) => total < 100 && panics(level, Math.round(rules.panicThresholdPercent)));
  if (levels.length === 0 || (total === 0 && !panic.every(Boolean))) return { healthy: levels.map(() => 0), degraded: levels.map(() => 0), panic };
  if (panic.every(Boolean)) return { healthy: loadBySize(levels), degraded: levels.map(() => 0), panic };
  const healthy = distribute(health, 100, total);
  const degraded = distribute(degradation, 100 - sum(healthy), total);
  giveRest(healthy, health, degraded, degradation);
  return { healthy, degraded, panic };
}

function distribute(available: readonly number[], load: number, total: number): number[] {
  let left = load;
  return available.map((percent) => {
    const taken = Math.min(left, Math.floor((percent * 100) / total));
    left -= taken;
    return taken;
  });
}

/** What rounding left goes to the first priority that has anybody, healthy ones before degraded ones. */
function giveRest(healthy: number[], health: readonly number[], degraded: number[], degradation: readonly number[]): void {
  const rest = 100 - sum(healthy) - sum(degraded);
  const [loads, first] = health.some((percent) => percent > 0)
    ? [healthy, health.findIndex((percent) => percent > 0)]
    : [degraded, degradation.findIndex((percent) => percent > 0)];
  loads[first] = (loads[first] ?? 0) + rest;
}

/** All priorities in panic: health is no guide any more, and the load goes by number of hosts. */
function loadBySize(levels: readonly Level<BalancedHost>[]): number[] {
  const hosts = levels.reduce((count, { all }) => count + all.length, 0);
  if (hosts === 0) return levels.map(() => 0);
  const loads = levels.map(({ all }) => Math.floor((100 * all.length) / hosts));
  const first = levels.findIndex(({ all }) => all.length > 0);
  loads[first] = (loads[first] ?? 0) + 100 - sum(loads);
  return loads;
}

/** Percent of the load that a level can take: its share of usable hosts times the overprovisioning factor, at most 100. */
function availability(usable: number, all: number, { overprovisioningFactor }: Rules): number {
  return all === 0 ? 0 : Math.min(100, Math.floor((usable * overprovisioningFactor) / all));
}

function panics({ all, healthy, degraded }: Level<BalancedHost>, thresholdPercent: number): boolean {
  const usable = all.length === 0 ? 0 : ((healthy.length + degraded.length) * 100) / all.length;
  return usable < Math.min(100, thresholdPercent);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
