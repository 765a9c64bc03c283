// In: endpoints by locality, a locality setting, and where the client stands. Out: the same endpoints with the priorities and weights that
// the setting gives them. Pure; priorities count up from 0 without a gap, as Envoy demands. Source: Istio, ApplyLocalityLoadBalancer.
import type { NetworkView } from '#compile/endpoint-network.ts';
import type { LocalitySetting } from '#compile/locality-balancing.ts';
import type { Failover, LocalityBalancing } from '#model/destination-rule.ts';
import { type Locality, localityMatches, parseLocality, topologyLabels } from '#model/locality.ts';
import type { Endpoint } from '#model/service.ts';

/** Endpoints that Envoy balances among: of one locality and one priority. */
export type EndpointGroup = {
  readonly locality: Locality;
  readonly endpoints: readonly Endpoint[];
  readonly weight: number;
  readonly priority: number;
};

/** Where a client stands: its locality, its labels together with those that tell its topology, as endpoints have them too, and its network. */
export type Placement = {
  readonly locality: Locality;
  readonly labels: Readonly<Record<string, string>>;
  /** Undefined where no network has a gateway. */
  readonly networks?: NetworkView;
};

type Labels = Readonly<Record<string, string>>;

/** Without a setting: one group per locality, by name, weighing as much as its endpoints. */
export function groupEndpoints(endpoints: readonly Endpoint[], setting: LocalitySetting | undefined, placement: Placement): readonly EndpointGroup[] {
  const groups = byLocality(endpoints);
  if (setting === undefined) return groups;
  const { balancing, failover } = setting;
  if (balancing.kind === 'locality' && balancing.distribute.length > 0) return distributed(groups, balancing.distribute, placement.locality);
  if (!failover) return groups;
  const split = balancing.failoverPriority.length > 0 ? byPriorityLabels(groups, balancing.failoverPriority, placement.labels) : groups;
  if (balancing.kind === 'zone-aware') return regional(split, balancing.failover, placement.locality);
  // Regions count beside labels only where failover is written out.
  const regions = balancing.failoverPriority.length === 0 || balancing.failover.length > 0;
  return regions ? failedOver(split, balancing.failover, placement.locality) : split;
}

function byLocality(endpoints: readonly Endpoint[]): readonly EndpointGroup[] {
  const localities = Map.groupBy(endpoints, ({ locality }) => `${locality?.region ?? ''}/${locality?.zone ?? ''}/${locality?.subZone ?? ''}`);
  const sorted = [...localities].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return sorted.map(([key, members]) => ({ locality: parseLocality(key), endpoints: members, weight: totalWeight(members), priority: 0 }));
}

/** What Envoy counts at most. */
const maxWeight = 0xffff_ffff;

function totalWeight(endpoints: readonly Endpoint[]): number {
  return Math.min(
    maxWeight,
    endpoints.reduce((sum, { weight = 1 }) => sum + weight, 0),
  );
}

/**
 * The first entry that is about the client's locality says which localities get which share; those that it does not name get nothing. A share for
 * several localities is divided by what they weigh. Without such an entry all stays as it is. Source: Istio, applyLocalityWeights.
 */
function distributed(groups: readonly EndpointGroup[], distribute: LocalityBalancing['distribute'], client: Locality): readonly EndpointGroup[] {
  const entry = distribute.find(({ from }) => localityMatches(client, from));
  if (entry === undefined) return groups;
  const weights = new Map<EndpointGroup, number>();
  for (const [locality, share] of entry.to) {
    const fitting = groups.filter((group) => !weights.has(group) && localityMatches(group.locality, locality));
    const total = fitting.reduce((sum, { weight }) => sum + weight, 0);
    for (const group of fitting) weights.set(group, Math.ceil((group.weight * share) / total));
  }
  return groups.flatMap((group) => {
    const weight = weights.get(group);
    return weight === undefined || weight === 0 ? [] : [{ ...group, weight }];
  });
}

/** 0: same sub-zone, 1: zone, 2: region, 3: elsewhere, 4: elsewhere and not where the client's region fails over to. */
function failedOver(groups: readonly EndpointGroup[], failover: readonly Failover[], client: Locality): readonly EndpointGroup[] {
  const target = failover.find(({ from }) => from === client.region);
  return compact(
    groups.map((group) => {
      const distance = distanceOf(client, group.locality);
      const level = distance === 3 && target !== undefined && group.locality.region !== target.to ? 4 : distance;
      return { ...group, priority: group.priority * 5 + level };
    }),
  );
}

function distanceOf(a: Locality, b: Locality): number {
  if (a.region !== b.region) return 3;
  if (a.zone !== b.zone) return 2;
  return a.subZone === b.subZone ? 0 : 1;
}

/** 0: same region, whose zones Envoy itself tells apart; 1: where it fails over to; 2: elsewhere. Source: Istio, applyZoneAwareRegionalFailover. */
function regional(groups: readonly EndpointGroup[], failover: readonly Failover[], client: Locality): readonly EndpointGroup[] {
  const target = failover.find(({ from }) => from === client.region)?.to;
  return compact(
    groups.map((group) => {
      const { region } = group.locality;
      return { ...group, priority: group.priority * 3 + (region === client.region ? 0 : region === target ? 1 : 2) };
    }),
  );
}

/** The more labels of the list agree with the client's, from the first on, the sooner an endpoint is used. Source: Istio, applyFailoverPriorities. */
function byPriorityLabels(groups: readonly EndpointGroup[], priorities: readonly string[], client: Labels): readonly EndpointGroup[] {
  const wanted = priorities.map((written) => {
    const [name = '', value, ...more] = written.split('=');
    return [name, value !== undefined && more.length === 0 ? value : (client[name] ?? '')] as const;
  });
  const split = groups.flatMap(({ locality, endpoints }) =>
    [...Map.groupBy(endpoints, (endpoint) => mismatchLevel(wanted, endpoint.labels))]
      .sort(([a], [b]) => a - b)
      .map(([priority, members]) => ({ locality, endpoints: members, weight: totalWeight(members), priority })),
  );
  return compact(split);
}

/**
 * 0 where all labels agree, else the higher the earlier the first that does not. A network that is first in the list and differs counts for more
 * than all others together, which are compared all the same.
 */
function mismatchLevel(wanted: readonly (readonly [name: string, value: string])[], labels: Labels): number {
  const elsewhere = wanted[0]?.[0] === topologyLabels.network && wanted[0][1] !== (labels[topologyLabels.network] ?? '');
  const first = wanted.findIndex(([name, value], index) => (index > 0 || !elsewhere) && value !== (labels[name] ?? ''));
  return (first < 0 ? 0 : wanted.length - first) + (elsewhere ? wanted.length : 0);
}

/** The same order without gaps. */
function compact(groups: readonly EndpointGroup[]): readonly EndpointGroup[] {
  const levels = [...new Set(groups.map(({ priority }) => priority))].sort((a, b) => a - b);
  return groups.map((group) => ({ ...group, priority: levels.indexOf(group.priority) }));
}
