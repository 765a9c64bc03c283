// In: a gateway proxy. Out: the Services it stands behind, and the port it opens where a Gateway names a port of theirs.
import { resolveTargetPort, selectingServices } from '#compile/inbound-port.ts';
import type { Scope } from '#compile/scope.ts';
import type { Gateway } from '#model/gateway.ts';
import { ownAddresses, type Proxy } from '#model/proxy.ts';
import type { Service } from '#model/service.ts';

/** A Service with the target port of each of its ports, as far as they are known for this proxy. */
export type GatewayService = { readonly service: Service; readonly targetPorts: ReadonlyMap<number, number> };

/** Services of the proxy's namespace that select it or have it among their endpoints, by host name. Source: Istio, GetProxyServiceTargets. */
export function gatewayServices(scope: Scope, proxy: Proxy): readonly GatewayService[] {
  const workload = scope.mesh.workloads.get(`${proxy.namespace}/${proxy.name}`);
  const selecting = new Set(selectingServices(scope, proxy, workload));
  return scope.servicesIn(proxy.namespace).flatMap((service) => {
    if (!selecting.has(service) && !service.endpoints.some((endpoint) => isProxy(endpoint, proxy))) return [];
    const targetPorts = new Map<number, number>();
    for (const port of selecting.has(service) ? service.ports : []) {
      const target = resolveTargetPort(port, workload);
      if (target !== undefined) targetPorts.set(port.number, target);
    }
    if (!selecting.has(service)) {
      for (const endpoint of service.endpoints) if (isProxy(endpoint, proxy)) targetPorts.set(endpoint.servicePortNumber, endpoint.port);
    }
    return targetPorts.size === 0 ? [] : [{ service, targetPorts }];
  });
}

/** Where several workloads share an address only the pod tells whose an endpoint is. */
function isProxy({ workload, address }: Service['endpoints'][number], proxy: Proxy): boolean {
  if (workload !== undefined) return workload === `${proxy.namespace}/${proxy.name}`;
  return ownAddresses(proxy).includes(address);
}

/**
 * The ports that a server of `gateway` opens. By labels: the target port of the first Service with the port, or else the port itself. By
 * Services: the target ports of all of them, and no other. Source: Istio, resolvePorts.
 */
export function openedPorts(port: number, gateway: Gateway, services: readonly GatewayService[]): readonly number[] {
  if (gateway.services !== undefined) {
    return [...new Set(servicesOf(gateway, services).flatMap(({ targetPorts }) => targetPorts.get(port) ?? []))];
  }
  const translating = services.find(({ service, targetPorts }) => service.keepsGatewayPorts !== true && targetPorts.has(port));
  return [translating?.targetPorts.get(port) ?? port];
}

/** Those that a Gateway names, of its own namespace. */
export function servicesOf(gateway: Gateway, services: readonly GatewayService[]): readonly GatewayService[] {
  return services.filter(({ service }) => service.namespace === gateway.namespace && gateway.services?.includes(service.hostname) === true);
}
