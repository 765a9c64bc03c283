// What diagnostics call a resource.
import { type KindName, kindNames, kinds } from '#api/kinds.ts';
import { type ObjectMeta, resourceKey } from '#api/resource.ts';

/** `VirtualService istio-system/hello`, with the kind as the user writes it. */
export function resourceName(resource: { readonly kind: KindName; readonly metadata: ObjectMeta }): string {
  return `${kinds[resource.kind].kind} ${resourceKey(resource.metadata)}`;
}

/** `KubernetesGateway/default/web`, as snapshots name what changed, with the kind as the user writes it; other ids as they are. */
export function writtenId(id: string): string {
  const slash = id.indexOf('/');
  const kind = kindNames().find((name) => name === id.slice(0, slash));
  return kind === undefined ? id : `${kinds[kind].kind}${id.slice(slash)}`;
}
