// Which virtual services are bound to a Gateway, for a proxy of a namespace, and in which order they count.
import type { Scope } from '#compile/scope.ts';
import type { VirtualService } from '#model/virtual-service.ts';

/**
 * Those that a namespace keeps to itself first, then those exported to it by name, then those for all, of which routes of the Gateway API
 * of the proxy's own namespace come first; within each, in precedence. Source: Istio, VirtualServicesForGateway.
 */
export function boundVirtualServices(scope: Scope, gateway: string): readonly VirtualService[] {
  return scope.once(`bound virtual services ${gateway}`, () => {
    const all = scope.virtualServices(gateway);
    return all.every((one) => rank(one, scope.namespace) === 3) ? all : all.toSorted((a, b) => rank(a, scope.namespace) - rank(b, scope.namespace));
  });
}

function rank({ namespace, visibility, semantics }: VirtualService, proxyNamespace: string): number {
  if (visibility.kind === 'namespaces') return namespace === proxyNamespace ? 0 : 1;
  return semantics === 'gateway-api' && namespace === proxyNamespace ? 2 : 3;
}
