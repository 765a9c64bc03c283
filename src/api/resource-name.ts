// What diagnostics call a resource.
import { type KindName, kinds } from '#api/kinds.ts';
import { type ObjectMeta, resourceKey } from '#api/resource.ts';

/** `VirtualService istio-system/hello`, with the kind as the user writes it. */
export function resourceName(resource: { readonly kind: KindName; readonly metadata: ObjectMeta }): string {
  return `${kinds[resource.kind].kind} ${resourceKey(resource.metadata)}`;
}
