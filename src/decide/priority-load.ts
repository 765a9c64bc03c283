// How much of the load each priority takes, by the health of its hosts (Envoy: load balancing, "priority levels", "degraded endpoints",
// "panic threshold"). Priority 0 takes all while it is healthy enough; what it cannot take spills over to the next.
import type { ClusterEntry, EndpointEntry } from '#decide/cluster-entry.ts';

/** Hosts that share `load` percent. Those without load are left out. */
export type PriorityLoad = { readonly hosts: readonly EndpointEntry[]; readonly load: number };

type Level = { readonly all: readonly EndpointEntry[]; readonly healthy: readonly EndpointEntry[]; readonly degraded: readonly EndpointEntry[] };

export function loadByPriority(cluster: ClusterEntry, endpoints: readonly EndpointEntry[]): readonly PriorityLoad[] {
  const levels = levelsOf(endpoints);
  const health = levels.map(({ all, healthy }) => availability(healthy.length, all.length, cluster.overprovisioningFactor));
  const degraded = levels.map((level) => availability(level.degraded.length, level.all.length, cluster.overprovisioningFactor));
  const total = Math.min(100, sum(health) + sum(degraded));
  const inPanic = levels.map((level) => panics(level, cluster.panicThresholdPercent));
  // All in panic: health is no guide any more, and the load goes by number of hosts.
  if (total < 100 && inPanic.every(Boolean)) return cluster.failTrafficOnPanic ? [] : levels.flatMap(({ all }) => withLoad(all, all.length));
  if (total === 0) return [];
  let left = 100;
  const take = (available: number) => {
    const load = Math.min(left, (available * 100) / total);
    left -= load;
    return load;
  };
  const healthyLoads = health.map(take);
  const degradedLoads = degraded.map(take);
  // Panic of one priority counts only when all together cannot take the load.
  const panicCounts = total < 100;
  return levels.flatMap((level, index) => {
    if (panicCounts && inPanic[index] === true) {
      const load = (healthyLoads[index] ?? 0) + (degradedLoads[index] ?? 0);
      return cluster.failTrafficOnPanic ? [] : withLoad(level.all, load);
    }
    return [...withLoad(level.healthy, healthyLoads[index] ?? 0), ...withLoad(level.degraded, degradedLoads[index] ?? 0)];
  });
}

function withLoad(hosts: readonly EndpointEntry[], load: number): PriorityLoad[] {
  return load > 0 && hosts.length > 0 ? [{ hosts, load }] : [];
}

function levelsOf(endpoints: readonly EndpointEntry[]): Level[] {
  const highest = endpoints.reduce((highest, { priority }) => Math.max(highest, priority), -1);
  return Array.from({ length: highest + 1 }, (_, priority) => {
    const all = endpoints.filter((endpoint) => endpoint.priority === priority);
    return { all, healthy: all.filter(({ healthy }) => healthy), degraded: all.filter(({ degraded }) => degraded) };
  });
}

/** Percent of the load that a level can take: its share of usable hosts times the overprovisioning factor, at most 100. */
function availability(usable: number, all: number, factor: number): number {
  return all === 0 ? 0 : Math.min(100, Math.floor((usable * factor) / all));
}

function panics({ all, healthy, degraded }: Level, thresholdPercent: number): boolean {
  const usable = all.length === 0 ? 0 : ((healthy.length + degraded.length) * 100) / all.length;
  return usable < thresholdPercent;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
