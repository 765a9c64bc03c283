// Several Services select one Deployment and contradict each other: one port with different transport protocols (IST0116), or one target port
// under different ports (IST0137). Source: Istio's deployment.ServiceAssociationAnalyzer.
import type { Analyzer } from '#analyze/analyzer.ts';
import type { Facts } from '#analyze/facts.ts';
import type { KindMap } from '#api/kinds.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { labelsMatch } from '#model/labels.ts';

export const deploymentServices: Analyzer = {
  name: 'deployment-services',
  run: (facts) =>
    [...facts.resources.Deployment.values()].filter((deployment) => isInMesh(deployment, facts)).flatMap((one) => checkDeployment(one, facts)),
};

function checkDeployment({ metadata, spec, origins }: KindMap['Deployment'], { resources }: Facts): readonly Diagnostic[] {
  const labels = spec.template.metadata?.labels ?? {};
  const protocols = new Map<number, Map<string, string[]>>();
  const ports = new Map<string, Map<number, string>>();
  for (const service of resources.Service.values()) {
    const { selector = {} } = service.spec;
    if (service.metadata.namespace !== metadata.namespace || Object.keys(selector).length === 0 || !labelsMatch(selector, labels)) continue;
    for (const { port, protocol = 'TCP', targetPort = port } of service.spec.ports ?? []) {
      const byProtocol = protocols.get(port) ?? new Map<string, string[]>();
      protocols.set(port, byProtocol.set(protocol, [...(byProtocol.get(protocol) ?? []), service.metadata.name]));
      const byPort = ports.get(String(targetPort)) ?? new Map<number, string>();
      ports.set(String(targetPort), byPort.set(port, service.metadata.name));
    }
  }
  const at = origins.at(['metadata', 'name']);
  const contradicting = [...protocols].filter(([, byProtocol]) => byProtocol.size > 1);
  const several = [...ports].filter(([, byPort]) => byPort.size > 1);
  return [
    ...contradicting.map(([port, byProtocol]): Diagnostic => {
      const names = [...byProtocol].map(([protocol, services]) => `${services.join(', ')} (${protocol})`).join(', ');
      return {
        code: 'IST0116',
        severity: 'warning',
        message: `port ${port} has different protocols in the Services of this Deployment: ${names}`,
        at,
      };
    }),
    ...several.map(([targetPort, byPort]): Diagnostic => {
      const names = [...byPort].map(([port, service]) => `${service} (port ${port})`).join(', ');
      return {
        code: 'IST0137',
        severity: 'warning',
        message: `target port ${targetPort} is behind different ports of the Services of this Deployment: ${names}`,
        at,
      };
    }),
  ];
}

/** As Istio asks for it: a sidecar is there or injected. Without any word about injection a Deployment is taken to be outside. */
function isInMesh({ metadata, spec }: KindMap['Deployment'], { resources }: Facts): boolean {
  const { containers, initContainers = [] } = spec.template.spec;
  if ([...containers, ...initContainers].some(({ name }) => name === 'istio-proxy')) return true;
  const { labels = {}, annotations = {} } = spec.template.metadata ?? {};
  const own = labels['sidecar.istio.io/inject'] ?? annotations['sidecar.istio.io/inject'];
  if (own !== undefined) return own === 'true';
  return resources.Namespace.get(metadata.namespace)?.metadata.labels['istio-injection'] === 'enabled';
}
