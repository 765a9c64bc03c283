// Chooses an endpoint of a cluster: first a priority by health (spilling over, and panic), then a host by the cluster's policy.
// State is made once per change of endpoints; a choice looks at a few numbers and allocates nothing.
import type { ClusterEntry, EndpointEntry } from '#decide/cluster-entry.ts';
import { loadByPriority, type PriorityLoad } from '#decide/priority-load.ts';
import { Rotation } from '#decide/rotation.ts';

/** One group of hosts that a request may go to, with its turn of the round robin. */
type Group = { readonly hosts: readonly EndpointEntry[]; readonly rotation: Rotation; readonly equalWeights: boolean };

/** What a cluster's balancer keeps between requests. `loads` sum to 100 over all groups, unless nothing may be used. */
export type BalancerState = {
  readonly cluster: ClusterEntry;
  readonly groups: readonly { readonly group: Group; readonly cumulativeLoad: number }[];
};

/** `random` (in [0, 1)) sets where the round robin begins, so that many proxies do not all start with the first endpoint. */
export function newBalancerState(cluster: ClusterEntry, endpoints: readonly EndpointEntry[], random: number): BalancerState {
  let cumulativeLoad = 0;
  const groups = loadByPriority(cluster, endpoints).map(({ hosts, load }: PriorityLoad) => {
    cumulativeLoad += load;
    const equalWeights = hosts.every(({ weight }) => weight === hosts[0]?.weight);
    return {
      group: {
        hosts,
        rotation: new Rotation(
          hosts.map(({ weight }) => weight),
          random,
        ),
        equalWeights,
      },
      cumulativeLoad,
    };
  });
  return { cluster, groups };
}

/**
 * An endpoint, or undefined where none may be used (503 UH). `active` counts an endpoint's requests under way; `random` gives a new number
 * in [0, 1) at each call; `avoid` (previous_hosts of a retry) is passed over for up to `attempts` more draws, then taken all the same.
 */
export function chooseEndpoint(
  state: BalancerState,
  active: (endpoint: EndpointEntry) => number,
  random: () => number,
  avoid?: (endpoint: EndpointEntry) => boolean,
  attempts = 1,
): EndpointEntry | undefined {
  const group = groupFor(state, random);
  if (group === undefined) return undefined;
  let chosen = drawFrom(state.cluster, group, active, random);
  if (avoid === undefined) return chosen;
  for (let attempt = 0; attempt < attempts && avoid(chosen); attempt++) chosen = drawFrom(state.cluster, group, active, random);
  return chosen;
}

function groupFor({ groups }: BalancerState, random: () => number): Group | undefined {
  if (groups.length <= 1) return groups[0]?.group;
  const point = random() * (groups.at(-1)?.cumulativeLoad ?? 0);
  return groups.find(({ cumulativeLoad }) => point < cumulativeLoad)?.group;
}

function drawFrom(cluster: ClusterEntry, group: Group, active: (endpoint: EndpointEntry) => number, random: () => number): EndpointEntry {
  if (group.hosts.length === 1) return hostAt(group, 0);
  switch (cluster.balancing) {
    case 'round-robin':
    case 'original-dst':
      return hostAt(group, group.rotation.next());
    case 'random':
      return hostAt(group, randomIndex(group, random));
    case 'least-request':
      return group.equalWeights
        ? leastOfDrawn(cluster.choiceCount, group, active, random)
        : leastByWeight(cluster.activeRequestBias, group, active, random);
  }
}

function hostAt({ hosts }: Group, index: number): EndpointEntry {
  const host = hosts[index];
  if (host === undefined) throw new Error(`no endpoint ${index} among ${hosts.length}`);
  return host;
}

/** Envoy's random balancer does not look at weights. */
function randomIndex({ hosts }: Group, random: () => number): number {
  return Math.min(hosts.length - 1, Math.floor(random() * hosts.length));
}

/** Power of `choices`: hosts drawn at random, with the same one possibly drawn twice; the first with the fewest requests wins. */
function leastOfDrawn(choices: number, group: Group, active: (endpoint: EndpointEntry) => number, random: () => number): EndpointEntry {
  let best = hostAt(group, randomIndex(group, random));
  let bestActive = active(best);
  for (let draw = 1; draw < choices; draw++) {
    const other = hostAt(group, randomIndex(group, random));
    const otherActive = active(other);
    if (otherActive < bestActive) {
      best = other;
      bestActive = otherActive;
    }
  }
  return best;
}

/** Unequal weights: hosts share by weight / (requests + 1) ^ bias, as Envoy's weighted least request does; here as shares of one draw. */
function leastByWeight(bias: number, group: Group, active: (endpoint: EndpointEntry) => number, random: () => number): EndpointEntry {
  let total = 0;
  for (const host of group.hosts) total += host.weight / (active(host) + 1) ** bias;
  let point = random() * total;
  for (const host of group.hosts) {
    point -= host.weight / (active(host) + 1) ** bias;
    if (point < 0) return host;
  }
  return hostAt(group, group.hosts.length - 1);
}
