// Who wins where two resources say different things: the older one, and among equals the one whose name comes first.
import type { ObjectMeta } from '#api/resource.ts';

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

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
