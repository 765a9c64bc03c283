// A VirtualService routes to a subset that no DestinationRule defines (IST0101). Source: Istio's virtualservice.DestinationRuleAnalyzer.
import { type Analyzer, notFound } from '#analyze/analyzer.ts';
import { qualify } from '#analyze/destination-host.ts';
import type { Facts } from '#analyze/facts.ts';
import { routeDestinations } from '#analyze/route-destinations.ts';
import { closest } from '#base/closest.ts';
import { hostsOverlap } from '#model/hostname.ts';

export const destinationSubset: Analyzer = {
  name: 'destination-subset',
  run: (facts) => {
    const subsets = subsetsByHost(facts);
    return [...facts.resources.VirtualService.values()].flatMap((virtualService) =>
      routeDestinations(virtualService).flatMap(({ destination: { host, subset = '' }, path }) => {
        if (subset === '') return [];
        const hostname = qualify(host, virtualService.metadata.namespace, facts.domain);
        const known = [...subsets].filter(([ruleHost]) => hostsOverlap(ruleHost, hostname)).flatMap(([, names]) => names);
        if (known.includes(subset)) return [];
        const similar = closest(subset, known);
        const missing =
          known.length === 0 ? `no DestinationRule defines subsets of ${hostname}` : `the subsets of ${hostname} are ${known.join(', ')}`;
        const hint = similar === undefined ? missing : `did you mean ${similar}?`;
        return [notFound('subset', `${host}+${subset}`, virtualService.origins.at([...path, 'subset']), hint)];
      }),
    );
  },
};

function subsetsByHost({ resources, domain }: Facts): ReadonlyMap<string, readonly string[]> {
  const byHost = new Map<string, string[]>();
  for (const { metadata, spec } of resources.DestinationRule.values()) {
    const hostname = qualify(spec.host, metadata.namespace, domain);
    byHost.set(hostname, [...(byHost.get(hostname) ?? []), ...(spec.subsets ?? []).map(({ name }) => name)]);
  }
  return byHost;
}
