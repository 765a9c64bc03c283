// In: the endpoints of a Service whose pods may have addresses of both families, each in a slice of its own. Out: one endpoint for each pod and port,
// so that no pod counts twice.
import { isIP } from 'node:net';
import type { Endpoint } from '#model/service.ts';

/**
 * At the address of the family that is asked for first, the others beside it. The same list where each pod has one. Differs from Istio, which has proxies
 * try the others as well: they are for names, and for who reaches pods without a proxy.
 */
export function onePerPod(endpoints: readonly Endpoint[], first: 4 | 6): readonly Endpoint[] {
  const byPod = Map.groupBy(endpoints, ({ workload, servicePortNumber, servicePort, port, address }) =>
    workload === undefined ? `${address} ${port} ${servicePort}` : `${workload} ${servicePortNumber} ${servicePort} ${port}`,
  );
  if (byPod.size === endpoints.length) return endpoints;
  return [...byPod.values()].flatMap((same) => {
    const families = new Set(same.map(({ address }) => isIP(address)));
    // Several of one family are several: each is reached by itself.
    if (same.length < 2 || families.size < same.length) return same;
    const chosen = same.find(({ address }) => isIP(address) === first) ?? same[0];
    return chosen === undefined ? [] : [{ ...chosen, otherAddresses: same.flatMap(({ address }) => (address === chosen.address ? [] : [address])) }];
  });
}
