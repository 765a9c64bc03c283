// From the resources of one moment to a Snapshot, with exactly what changed since the one before. A resource counts as unchanged when it is
// the same object; a kind without a change keeps its map.
import { type AnyResource, type KindName, kindNames, type ResourcesByKind } from '#api/kinds.ts';
import { resourceKey } from '#api/resource.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import type { Snapshot } from '#sources/snapshot.ts';

/** `VirtualService/default/reviews`: the key of a resource among all kinds, as `Snapshot.changed` has it. */
export function resourceId(kind: string, key: string): string {
  return `${kind}/${key}`;
}

/** The id of a resource that was read or made. */
export function idOf(resource: AnyResource): string {
  return resourceId(resource.kind, resourceKey(resource.metadata));
}

/** The snapshot of `resources` (later ones of the same id replace earlier ones), compared with `previous`. */
export function nextSnapshot(previous: Snapshot | undefined, resources: Iterable<AnyResource>, diagnostics: readonly Diagnostic[]): Snapshot {
  const byKind = new Map<KindName, Map<string, AnyResource>>(kindNames().map((kind) => [kind, new Map()]));
  for (const resource of resources) byKind.get(resource.kind)?.set(resourceKey(resource.metadata), resource);
  const changed = new Set<string>();
  const result: Partial<Record<KindName, ReadonlyMap<string, AnyResource>>> = {};
  for (const [kind, now] of byKind) {
    const before: ReadonlyMap<string, AnyResource> | undefined = previous?.resources[kind];
    const isSame = addChanges(kind, before, now, changed);
    result[kind] = isSame && before !== undefined ? before : now;
  }
  // Every kind was filled above with resources of that kind only.
  return Object.freeze({ resources: Object.freeze(result as unknown as ResourcesByKind), changed, diagnostics: Object.freeze([...diagnostics]) });
}

/** Adds what differs between two moments of a kind to `changed`; true where nothing does and the order is the same. */
function addChanges(
  kind: KindName,
  before: ReadonlyMap<string, AnyResource> | undefined,
  now: ReadonlyMap<string, AnyResource>,
  changed: Set<string>,
): boolean {
  const sizeAtStart = changed.size;
  for (const [key, resource] of now) if (before?.get(key) !== resource) changed.add(resourceId(kind, key));
  if (before === undefined) return false;
  for (const key of before.keys()) if (!now.has(key)) changed.add(resourceId(kind, key));
  if (changed.size !== sizeAtStart) return false;
  const keys = now.keys();
  for (const key of before.keys()) if (keys.next().value !== key) return false;
  return true;
}
