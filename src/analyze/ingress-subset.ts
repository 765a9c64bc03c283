// A VirtualService for the mesh splits a host into subsets, and one for a gateway sends to the same host without a subset: requests from the
// gateway do not follow the split (IST0140). Source: Istio's virtualservice.DestinationHostAnalyzer.
import type { Analyzer } from '#analyze/analyzer.ts';
import { qualify } from '#analyze/destination-host.ts';
import type { KindMap } from '#api/kinds.ts';
import { resourceKey } from '#api/resource.ts';
import type { Diagnostic } from '#base/diagnostic.ts';

export const ingressSubset: Analyzer = {
  name: 'ingress-subset',
  run: ({ resources, domain }) => {
    const virtualServices = [...resources.VirtualService.values()];
    const splits = virtualServices.flatMap((one) => splitHosts(one, domain).map((host) => ({ host, virtualService: one })));
    return virtualServices.flatMap(({ metadata, spec, origins }) => {
      if ((spec.gateways ?? []).length === 0) return [];
      return (spec.http ?? []).flatMap(({ route = [] }, rule) =>
        route.flatMap(({ destination }, index): readonly Diagnostic[] => {
          if ((destination.subset ?? '') !== '') return [];
          const host = qualify(destination.host, metadata.namespace, domain);
          const split = splits.find((one) => one.host === host);
          if (split === undefined) return [];
          const name = resourceKey(split.virtualService.metadata);
          return [
            {
              code: 'IST0140',
              severity: 'warning',
              message: `requests from the gateway do not follow the subsets that VirtualService ${name} gives ${destination.host}`,
              hint: `repeat the subsets here, or add the gateways of this VirtualService to ${name}`,
              at: origins.at(['spec', 'http', rule, 'route', index, 'destination', 'host']),
              related: [{ message: `VirtualService ${name}`, at: split.virtualService.origins.start }],
            },
          ];
        }),
      );
    });
  },
};

/** Hosts of the VirtualService that it itself routes to with a subset. */
function splitHosts({ metadata, spec }: KindMap['VirtualService'], domain: string): readonly string[] {
  const hosts = new Set((spec.hosts ?? []).map((host) => qualify(host, metadata.namespace, domain)));
  const destinations = (spec.http ?? []).flatMap(({ route = [] }) => route.map(({ destination }) => destination));
  const split = destinations.filter(({ subset = '' }) => subset !== '').map(({ host }) => qualify(host, metadata.namespace, domain));
  return [...new Set(split.filter((host) => hosts.has(host)))];
}
