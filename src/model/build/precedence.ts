// Who wins where two resources say different things: the older one, and among equals the one whose name comes first.
import type { ObjectMeta } from '#api/resource.ts';
import type { VirtualService } from '#model/virtual-service.ts';

type HasMetadata = { readonly metadata: ObjectMeta };

/** Sorted by creation time (none is the oldest, as Istio's zero time), then by name, then by namespace. Source: Istio, sortByCreationComparator. */
export function inOrderOfPrecedence<Part extends HasMetadata>(resources: Iterable<Part>): readonly Part[] {
  return [...resources].sort(
    ({ metadata: a }, { metadata: b }) => createdMs(a) - createdMs(b) || compareText(`${a.name}.${a.namespace}`, `${b.name}.${b.namespace}`),
  );
}

/** When a resource was made, in milliseconds since 1970; 0 where it does not say. */
export function createdMs({ creationTimestamp }: ObjectMeta): number {
  const ms = creationTimestamp === undefined ? 0 : Date.parse(creationTimestamp);
  return Number.isNaN(ms) ? 0 : ms;
}

/**
 * All virtual services in order of precedence: those written and those that routes of the Gateway API come to inside the mesh by age, since both may be
 * about one host; then those of gateways, which are about gateways of their own. Each list is in order already. Source: Istio,
 * VirtualServiceController.MergedVirtualServices and mergeHTTPRoutes (a merged route is called `namespace~host`).
 */
export function inOrderOfAge(
  written: readonly VirtualService[],
  ingresses: readonly VirtualService[],
  gatewayApi: readonly VirtualService[],
): readonly VirtualService[] {
  if (ingresses.length === 0 && gatewayApi.length === 0) return written;
  const { true: inMesh = [], false: atGateways = [] } = Object.groupBy(gatewayApi, ({ gateways }) => (gateways.includes('mesh') ? 'true' : 'false'));
  const both = inMesh.length === 0 ? written : [...written, ...inMesh].sort(compareAge);
  return [...both, ...ingresses, ...atGateways];
}

function compareAge(a: VirtualService, b: VirtualService): number {
  return (a.createdMs ?? 0) - (b.createdMs ?? 0) || compareText(mergedName(a), mergedName(b));
}

function mergedName({ name, namespace, hosts, semantics }: VirtualService): string {
  return `${semantics === 'gateway-api' ? `${namespace}~${hosts[0]?.hostname ?? name}` : name}.${namespace}`;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
