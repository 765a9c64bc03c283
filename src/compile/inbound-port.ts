// What a sidecar serves: for each container port that a service sends to, the service port it is known by.

import type { Scope } from '#compile/scope.ts';
import { labelsMatch } from '#model/labels.ts';
import type { Proxy } from '#model/proxy.ts';
import type { Service, ServicePort } from '#model/service.ts';
import type { Workload } from '#model/workload.ts';

export type InboundPort = {
  /** The port of the container. */
  readonly targetPort: number;
  readonly servicePort: ServicePort;
  /** All services that send to it by a service port of the same number; the first decides protocol and statistics. */
  readonly services: readonly Service[];
};

/**
 * The services of the proxy's namespace that select it, by container port, ascending. Where several services claim a port the one whose
 * name comes first counts (Istio: the oldest).
 */
export function inboundPorts(scope: Scope, proxy: Proxy): readonly InboundPort[] {
  const workload = scope.mesh.workloads.get(`${proxy.namespace}/${proxy.name}`);
  const byPort = new Map<number, InboundPort>();
  for (const service of selectingServices(scope, proxy, workload)) {
    for (const servicePort of service.ports) {
      const targetPort = resolveTargetPort(servicePort, workload);
      if (targetPort === undefined || servicePort.protocol === 'udp') continue;
      const known = byPort.get(targetPort);
      if (known === undefined) byPort.set(targetPort, { targetPort, servicePort, services: [service] });
      else if (known.servicePort.number === servicePort.number && !known.services.includes(service)) {
        byPort.set(targetPort, { ...known, services: [...known.services, service] });
      }
    }
  }
  return [...byPort.values()].sort((a, b) => a.targetPort - b.targetPort);
}

/** The services that the proxy stands behind, by name. */
export function selectingServices(scope: Scope, proxy: Proxy, workload: Workload | undefined): readonly Service[] {
  const labels = workload?.labels ?? proxy.labels;
  return scope
    .servicesIn(proxy.namespace)
    .filter(({ selector }) => selector !== undefined && Object.keys(selector).length > 0 && labelsMatch(selector, labels));
}

/** The number of a target port; undefined for a name that no container port of the workload has. */
export function resolveTargetPort(port: ServicePort, workload: Workload | undefined): number | undefined {
  if (typeof port.targetPort === 'number') return port.targetPort;
  return workload?.ports.find(({ name }) => name === port.targetPort)?.number;
}
