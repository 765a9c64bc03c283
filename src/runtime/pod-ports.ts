// Which ports a pod serves, as its containers see them, and which Services send to it.
import type { KindMap } from '#api/kinds.ts';
import type { Container, Probe } from '#api/kubernetes/container.ts';
import { sidecarContainer } from '#runtime/sidecar-container.ts';

type Pod = KindMap['Pod'];
type Service = KindMap['Service'];

/** Ports that the containers name, that Services and ServiceEntries send to, or that probes ask: TCP only, ascending. */
export function inboundPorts(pod: Pod, services: Iterable<Service>, entries: Iterable<KindMap['ServiceEntry']> = []): readonly number[] {
  const ports = new Set<number>();
  for (const container of pod.spec.containers) {
    if (container.name === sidecarContainer && pod.spec.containers.length > 1) continue;
    for (const { containerPort, protocol } of container.ports ?? []) if ((protocol ?? 'TCP') === 'TCP') ports.add(containerPort);
    for (const port of probePorts(container)) ports.add(port);
  }
  for (const service of services) {
    if (!selects(service, pod)) continue;
    for (const port of service.spec.ports ?? []) {
      const target = targetPort(pod, port);
      if ((port.protocol ?? 'TCP') === 'TCP' && target !== undefined) ports.add(target);
    }
  }
  for (const { metadata, spec } of entries) {
    if (metadata.namespace !== pod.metadata.namespace || !hasLabels(pod, spec.workloadSelector?.labels)) continue;
    for (const { name, number, targetPort: target = number } of spec.ports ?? []) ports.add(namedPort(pod, name) ?? target);
  }
  return [...ports].sort((a, b) => a - b);
}

/** Whether the Service's selector matches the pod's labels; a Service without a selector selects nothing. */
export function selects(service: Service, pod: Pod): boolean {
  const { selector = {} } = service.spec;
  return service.metadata.namespace === pod.metadata.namespace && Object.keys(selector).length > 0 && hasLabels(pod, selector);
}

function hasLabels(pod: Pod, selector: Readonly<Record<string, string>> | undefined): boolean {
  return selector !== undefined && Object.entries(selector).every(([name, value]) => pod.metadata.labels[name] === value);
}

/** The container port behind a port of a Service: a number, the port itself where nothing is said, or a container's port by name. */
export function targetPort(pod: Pod, port: { readonly port: number; readonly targetPort?: number | string }): number | undefined {
  const target = port.targetPort ?? port.port;
  return typeof target === 'number' ? target : namedPort(pod, target);
}

/** A port of a probe, by number or by name. */
export function namedPort(pod: Pod, port: number | string): number | undefined {
  if (typeof port === 'number') return port;
  if (/^\d+$/.test(port)) return Number(port);
  for (const container of pod.spec.containers) {
    for (const { name, containerPort } of container.ports ?? []) if (name === port) return containerPort;
  }
  return undefined;
}

function probePorts(container: Container): readonly number[] {
  const portOf = (probe: Probe | undefined): number | string | undefined => probe?.httpGet?.port ?? probe?.tcpSocket?.port ?? probe?.grpc?.port;
  return [container.readinessProbe, container.livenessProbe, container.startupProbe]
    .map(portOf)
    .filter((port): port is number => typeof port === 'number');
}
