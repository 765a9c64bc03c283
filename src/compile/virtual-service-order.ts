// In which order the virtual services that a namespace sees count, where several are for one host. Within each rank they stay in precedence.
// Source: Istio, PushContext.VirtualServicesForGateway.
import type { VirtualService } from '#model/virtual-service.ts';

type RankOf = (virtualService: VirtualService, namespace: string) => number;

/**
 * For calls inside the mesh: the private ones first, then those exported to the namespace by name, then its own routes of the Gateway API (a
 * consumer's word counts before the producer's), then those for all.
 */
export function inMeshOrder(visible: readonly VirtualService[], namespace: string): readonly VirtualService[] {
  return inOrder(visible, namespace, meshRank);
}

/** At a gateway likewise, but for routes of the Gateway API that a namespace keeps to itself: they are as private as any. */
export function inGatewayOrder(visible: readonly VirtualService[], namespace: string): readonly VirtualService[] {
  return inOrder(visible, namespace, gatewayRank);
}

/** Mostly all are for all. */
function inOrder(visible: readonly VirtualService[], namespace: string, rankOf: RankOf): readonly VirtualService[] {
  if (visible.every((one) => rankOf(one, namespace) === 3)) return visible;
  return visible.toSorted((a, b) => rankOf(a, namespace) - rankOf(b, namespace));
}

function meshRank(virtualService: VirtualService, namespace: string): number {
  return virtualService.semantics === 'gateway-api' && virtualService.namespace === namespace ? 2 : gatewayRank(virtualService, namespace);
}

function gatewayRank({ namespace: home, visibility, semantics }: VirtualService, namespace: string): number {
  if (visibility.kind === 'namespaces') return home === namespace ? 0 : 1;
  return semantics === 'gateway-api' && home === namespace ? 2 : 3;
}
