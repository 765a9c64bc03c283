// A Service sends to a port that the Pods it selects do not declare (HDL0021; Istio has no message for it). A named port must be declared; a
// number may be left undeclared in Kubernetes, so it is only doubted where the Pod declares other ports.
import type { Analyzer } from '#analyze/analyzer.ts';
import { type Facts, selectedTemplates } from '#analyze/facts.ts';
import type { KindMap } from '#api/kinds.ts';
import type { ContainerPort } from '#api/kubernetes/container.ts';
import type { ServicePortSpec } from '#api/kubernetes/service.ts';
import type { Diagnostic } from '#base/diagnostic.ts';

export const serviceTargetPort: Analyzer = {
  name: 'service-target-port',
  run: (facts) => [...facts.resources.Service.values()].flatMap((service) => checkService(service, facts)),
};

function checkService(service: KindMap['Service'], facts: Facts): readonly Diagnostic[] {
  const templates = selectedTemplates(facts, service.metadata.namespace, service.spec.selector ?? {});
  const declared = templates.flatMap(({ spec }) => spec.containers.flatMap(({ ports = [] }) => ports));
  if (templates.length === 0) return [];
  return (service.spec.ports ?? []).flatMap((port, index): readonly Diagnostic[] => {
    if (isServed(port, declared)) return [];
    const target = port.targetPort ?? port.port;
    const names = declared.map(({ name, containerPort }) => (name === undefined ? `${containerPort}` : `${name} (${containerPort})`));
    return [
      {
        code: 'HDL0021',
        severity: typeof target === 'string' ? 'error' : 'warning',
        message: `targetPort ${target} is not among the ports of the Pods that Service ${service.metadata.namespace}/${service.metadata.name} selects`,
        hint: declared.length === 0 ? `declare it as containerPort with name: ${target}` : `they declare ${[...new Set(names)].join(', ')}`,
        at: service.origins.at(['spec', 'ports', index, port.targetPort === undefined ? 'port' : 'targetPort']),
        related: templates.slice(0, 1).map(({ title, at }) => ({ message: title, at: at(['spec', 'containers']) })),
      },
    ];
  });
}

function isServed({ port, targetPort = port, protocol = 'TCP' }: ServicePortSpec, declared: readonly ContainerPort[]): boolean {
  if (typeof targetPort === 'string' && !/^\d+$/.test(targetPort)) return declared.some(({ name }) => name === targetPort);
  if (declared.length === 0) return true;
  return declared.some(({ containerPort, protocol: served = 'TCP' }) => containerPort === Number(targetPort) && served === protocol);
}
