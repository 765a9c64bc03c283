// The hosts of a priority by locality, and how much of the load each locality takes (Envoy: locality weighted load balancing).
import type { BalancedHost, Level } from '#decide/priority-load.ts';

export type LocalityHosts<Host> = { readonly hosts: readonly Host[]; readonly weight: number };

/** `usable` by locality, the local one first and the others in the order of their names, as Envoy has them. Localities of weight 0 are left out. */
export function byLocality<Host extends BalancedHost>(
  all: readonly Host[],
  usable: readonly Host[],
  local = '',
): readonly (LocalityHosts<Host> & { readonly total: number })[] {
  const found = new Map<string, { hosts: Host[]; weight: number; total: number }>();
  for (const { entry } of all) {
    const known = found.get(entry.locality);
    if (known === undefined) found.set(entry.locality, { hosts: [], weight: entry.localityWeight, total: 1 });
    else known.total++;
  }
  for (const host of usable) found.get(host.entry.locality)?.hosts.push(host);
  return [...found]
    .filter(([, { weight }]) => weight > 0)
    .sort(([one], [other]) => (one === local ? -1 : other === local ? 1 : one < other ? -1 : 1))
    .map(([, locality]) => locality);
}

/** Localities that take part, with the weight they have by the health of their hosts: overprovisioning makes up for those that fail, up to a point. */
export function effectiveLocalities<Host extends BalancedHost>(
  level: Level<Host>,
  usable: readonly Host[],
  overprovisioningFactor: number,
): readonly LocalityHosts<Host>[] {
  return byLocality(level.all, usable).flatMap(({ hosts, weight, total }) => {
    const availability = Math.min(1, (hosts.length / total) * (overprovisioningFactor / 100));
    return availability > 0 ? [{ hosts, weight: weight * availability }] : [];
  });
}

/** The hosts' shares of all requests, by weight of locality and host; they sum to 1. Localities count in full as long as they have one usable host. */
export function sharesOf<Host extends BalancedHost>(
  level: Level<Host>,
  usable: readonly Host[],
  weighted: boolean,
  local: string | undefined,
): readonly { readonly host: Host; readonly share: number }[] {
  const localities = weighted ? byLocality(level.all, usable, local) : [{ hosts: usable, weight: 1 }];
  const total = localities.reduce((sum, { weight }) => sum + weight, 0);
  return localities.flatMap(({ hosts, weight }) => {
    const hostWeights = hosts.reduce((sum, { entry }) => sum + entry.weight, 0);
    return hosts.map((host) => ({ host, share: (host.entry.weight * (weight / total)) / hostWeights }));
  });
}
