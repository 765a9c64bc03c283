// A Gateway's selector picks no workload (IST0101), or the Services of the workloads it picks do not offer the port that a server opens
// (IST0162). The default ingress gateway counts as there. Source: Istio's gateway.IngressGatewayPortAnalyzer.
import { type Analyzer, formatLabels, notFound } from '#analyze/analyzer.ts';
import { defaultGateway } from '#analyze/default-gateway.ts';
import type { Facts } from '#analyze/facts.ts';
import type { KindMap } from '#api/kinds.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { labelsMatch } from '#model/labels.ts';

export const gatewayWorkload: Analyzer = {
  name: 'gateway-workload',
  run: (facts) => [...facts.resources.Gateway.values()].flatMap((gateway) => checkGateway(gateway, facts)),
};

function checkGateway(gateway: KindMap['Gateway'], facts: Facts): readonly Diagnostic[] {
  const { selector = {}, servers = [] } = gateway.spec;
  const pods = facts.templates.filter(({ labels }) => labelsMatch(selector, labels));
  const isDefaultSelected = labelsMatch(selector, defaultGateway.labels);
  if (pods.length === 0 && !isDefaultSelected) {
    const hint = `no Pod has the labels ${formatLabels(selector)}; the ingress gateway has ${formatLabels(defaultGateway.labels)}`;
    return [notFound('workload selector', formatLabels(selector), gateway.origins.at(['spec', 'selector']), hint)];
  }
  const offered = new Set(pods.flatMap(({ namespace, labels }) => offeredPorts(facts, namespace, labels)));
  if (isDefaultSelected) for (const [port, targetPort] of Object.entries(defaultGateway.ports)) offered.add(Number(port)).add(targetPort);
  return servers.flatMap(({ port }, index) => {
    if (offered.has(port.number)) return [];
    const at = gateway.origins.at(['spec', 'servers', index, 'port', 'number']);
    const message = `no Service offers port ${port.number} of the workloads with ${formatLabels(selector)}`;
    return [{ code: 'IST0162', severity: 'warning', message, hint: `offered: ${[...offered].join(', ') || 'none'}`, at }];
  });
}

/** Service ports and target ports of the TCP ports that Services offer of a Pod: a Gateway server may name either. */
function offeredPorts({ resources }: Facts, namespace: string, labels: Readonly<Record<string, string>>): readonly number[] {
  return [...resources.Service.values()].flatMap(({ metadata, spec }) => {
    if (metadata.namespace !== namespace || spec.selector === undefined || !labelsMatch(spec.selector, labels)) return [];
    return (spec.ports ?? [])
      .filter(({ protocol = 'TCP' }) => protocol === 'TCP')
      .flatMap(({ port, targetPort }) => (typeof targetPort === 'number' ? [port, targetPort] : [port]));
  });
}
