// What a sidecar serves: for each container port that a service sends to, the service port it is known by; or instead what the Sidecar in
// force opens for its app.
import type { CompileCache } from '#compile/compile-cache.ts';
import type { Scope } from '#compile/scope.ts';
import type { Protocol } from '#model/protocol.ts';
import { ownAddresses, type Proxy } from '#model/proxy.ts';
import type { Endpoint, Service, ServicePort } from '#model/service.ts';
import { serviceSelects } from '#model/service-selection.ts';
import type { IngressListener, Sidecar } from '#model/sidecar.ts';
import type { Workload } from '#model/workload.ts';

export type InboundPort = {
  /** The port of the container. */
  readonly targetPort: number;
  readonly servicePort: ServicePort;
  /** All services that send to it by a service port of the same number; the first decides protocol and statistics. */
  readonly services: readonly Pick<Service, 'hostname' | 'name' | 'namespace'>[];
  /** The first of them, where it is a service and not a Sidecar's port: destination rules for it hold here, too. */
  readonly service?: Service;
  /** Where a Sidecar says how the port is served. */
  readonly ingress?: IngressListener;
};

/** Source: Istio, buildInboundChainConfigs: the ports of a Sidecar stand in for those of the services. Ascending by container port. */
export function inboundPorts(scope: Scope, proxy: Proxy, cache: CompileCache): readonly InboundPort[] {
  const ofServices = servicePorts(scope, proxy);
  const { sidecar } = scope;
  if (sidecar === undefined || sidecar.ingress.length === 0) return ofServices;
  return sidecar.ingress
    .map((ingress) =>
      ingressPort(
        sidecar,
        ingress,
        ofServices.find(({ targetPort }) => targetPort === ingress.port.number),
        cache,
      ),
    )
    .sort((a, b) => a.targetPort - b.targetPort);
}

/** A port of a Sidecar is known by the service that has it, else by the Sidecar's own name. */
function ingressPort(sidecar: Sidecar, ingress: IngressListener, known: InboundPort | undefined, cache: CompileCache): InboundPort {
  const { name, number, protocol } = ingress.port;
  const servicePort = cache.once(
    'ingress port',
    [ingress],
    '',
    (): ServicePort => ({
      name,
      number,
      protocol: ingress.tls === undefined ? protocol : behindTls(protocol),
      targetPort: number,
      origin: ingress.origin,
    }),
  );
  const own = { hostname: `${sidecar.name}.${sidecar.namespace}`, name: sidecar.name, namespace: sidecar.namespace };
  return {
    targetPort: number,
    servicePort,
    services: known === undefined ? [own] : known.services.slice(0, 1),
    ...(known?.service !== undefined && { service: known.service }),
    ingress,
  };
}

/** What is left once TLS has ended. */
function behindTls(protocol: Protocol): Protocol {
  return protocol === 'https' ? 'http' : protocol === 'tls' ? 'tcp' : protocol;
}

/** By container port. Where several services claim one the oldest counts, and among equals the one whose name comes first. */
function servicePorts(scope: Scope, proxy: Proxy): readonly InboundPort[] {
  const workload = scope.mesh.workloads.get(`${proxy.namespace}/${proxy.name}`);
  const byPort = new Map<number, InboundPort>();
  for (const service of servingServices(scope, proxy, workload)) {
    for (const [servicePort, targetPort] of targetPorts(service, proxy, workload)) {
      const known = byPort.get(targetPort);
      if (known === undefined) byPort.set(targetPort, { targetPort, servicePort, services: [service], service });
      else if (known.servicePort.number === servicePort.number && !known.services.includes(service)) {
        byPort.set(targetPort, { ...known, services: [...known.services, service] });
      }
    }
  }
  return [...byPort.values()].sort((a, b) => a.targetPort - b.targetPort);
}

function* targetPorts(service: Service, proxy: Proxy, workload: Workload | undefined): Generator<readonly [ServicePort, number]> {
  const isSelected = selects(service, workload?.labels ?? proxy.labels);
  for (const servicePort of service.ports) {
    if (servicePort.protocol === 'udp') continue;
    const targetPort = isSelected ? resolveTargetPort(servicePort, workload) : undefined;
    if (targetPort !== undefined) yield [servicePort, targetPort];
    for (const endpoint of service.endpoints) {
      if (endpoint.servicePortNumber === servicePort.number && endpoint.port !== targetPort && isProxy(endpoint, proxy))
        yield [servicePort, endpoint.port];
    }
  }
}

/** Services of the namespace that select the proxy or have an endpoint at its address, older ones first. Source: Istio, GetProxyServiceTargets. */
function servingServices(scope: Scope, proxy: Proxy, workload: Workload | undefined): readonly Service[] {
  const labels = workload?.labels ?? proxy.labels;
  const byEndpoint = scope.once('services by endpoint', () => servicesByEndpoint(scope.servicesIn(scope.namespace)));
  const keys = [`${proxy.namespace}/${proxy.name}`, ...ownAddresses(proxy)];
  const at = new Set(keys.flatMap((key) => byEndpoint.get(key) ?? []));
  return scope
    .servicesIn(proxy.namespace)
    .filter((service) => at.has(service) || selects(service, labels))
    .sort((a, b) => (a.createdMs ?? 0) - (b.createdMs ?? 0));
}

/** Services by the pods and addresses of their endpoints. Those that select Pods are found by that, and left out. */
function servicesByEndpoint(services: readonly Service[]): ReadonlyMap<string, readonly Service[]> {
  const found = new Map<string, Service[]>();
  for (const service of services) {
    if (service.registry === 'kubernetes' && service.selector !== undefined) continue;
    for (const { address, workload } of service.endpoints) {
      addLast(found, address, service);
      if (workload !== undefined) addLast(found, workload, service);
    }
  }
  return found;
}

/** Each service once: all endpoints of one are added before those of the next. */
function addLast(found: Map<string, Service[]>, key: string, service: Service): void {
  const known = found.get(key);
  if (known === undefined) found.set(key, [service]);
  else if (known.at(-1) !== service) known.push(service);
}

/** Where several workloads share an address only the pod tells whose an endpoint is. */
function isProxy({ address, workload }: Endpoint, proxy: Proxy): boolean {
  if (workload === `${proxy.namespace}/${proxy.name}`) return true;
  return ownAddresses(proxy).includes(address);
}

/** The services that select the proxy, by name. */
export function selectingServices(scope: Scope, proxy: Proxy, workload: Workload | undefined): readonly Service[] {
  const labels = workload?.labels ?? proxy.labels;
  return scope.servicesIn(proxy.namespace).filter((service) => selects(service, labels));
}

/** Of services of one namespace. A service entry's selector chooses by its endpoints, which carry the ports. */
function selects(service: Service, labels: Workload['labels']): boolean {
  return service.registry === 'kubernetes' && serviceSelects(service, { namespace: service.namespace, labels });
}

/** The number of a target port; undefined for a name that no container port of the workload has. */
export function resolveTargetPort(port: ServicePort, workload: Workload | undefined): number | undefined {
  if (typeof port.targetPort === 'number') return port.targetPort;
  return workload?.ports.find(({ name }) => name === port.targetPort)?.number;
}
