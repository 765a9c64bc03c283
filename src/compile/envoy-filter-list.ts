// The operations of an EnvoyFilter on a list of named things: filters, filter chains, virtual hosts, routes. Lists are changed in place;
// the caller owns them. Source: Istio, EnvoyFilter.Patch.Operation.
import type { EnvoyPatch } from '#model/envoy-filter.ts';

export type ListPatching<Item> = {
  /** Whether the patch is about this item; one that names no item is about all. */
  readonly matches: (item: Item, patch: EnvoyPatch) => boolean;
  readonly namesItem: (patch: EnvoyPatch) => boolean;
  /** The patch's value; undefined where it is none, which has been reported. */
  readonly make: (patch: EnvoyPatch) => Item | undefined;
  readonly merge: (item: Item, patch: EnvoyPatch) => Item;
  readonly touched: (patch: EnvoyPatch) => void;
};

/** Additions and removals in the order of the patches, then merges, so that a merge meets what was added. */
export function patchList<Item>(list: Item[], patches: readonly EnvoyPatch[], patching: ListPatching<Item>): void {
  for (const patch of patches) if (!isMerge(patch)) changeList(list, patch, patching);
  for (const patch of patches) {
    if (!isMerge(patch)) continue;
    for (const [index, item] of list.entries()) {
      if (!patching.matches(item, patch)) continue;
      list[index] = patching.merge(item, patch);
      patching.touched(patch);
    }
  }
}

export function isMerge({ operation }: EnvoyPatch): boolean {
  return operation === 'MERGE' || operation === 'MERGE_AND_REPLACE_LIST';
}

function changeList<Item>(list: Item[], patch: EnvoyPatch, patching: ListPatching<Item>): void {
  if (patch.operation === 'REMOVE') {
    removeMatching(list, patch, patching);
    return;
  }
  const place = placeOf(list, patch, patching);
  if (place === undefined) return;
  const item = patching.make(patch);
  if (item === undefined) return;
  list.splice(place.index, place.replaced, item);
  patching.touched(patch);
}

/** Without the name of an item nothing is removed: that would be everything. */
function removeMatching<Item>(list: Item[], patch: EnvoyPatch, patching: ListPatching<Item>): void {
  if (!patching.namesItem(patch)) return;
  for (let index = list.length - 1; index >= 0; index--) {
    const item = list[index];
    if (item === undefined || !patching.matches(item, patch)) continue;
    list.splice(index, 1);
    patching.touched(patch);
  }
}

type Place = { readonly index: number; readonly replaced: 0 | 1 };

/** An insertion before or after nothing in particular goes to the start or to the end. */
function placeOf<Item>(list: readonly Item[], patch: EnvoyPatch, { matches, namesItem }: ListPatching<Item>): Place | undefined {
  const { operation } = patch;
  if (operation === 'ADD') return { index: list.length, replaced: 0 };
  if (operation === 'INSERT_FIRST') return { index: 0, replaced: 0 };
  if (!namesItem(patch)) {
    if (operation === 'INSERT_BEFORE') return { index: 0, replaced: 0 };
    return operation === 'INSERT_AFTER' ? { index: list.length, replaced: 0 } : undefined;
  }
  const found = list.findIndex((item) => matches(item, patch));
  if (found < 0) return undefined;
  if (operation === 'REPLACE') return { index: found, replaced: 1 };
  return { index: operation === 'INSERT_AFTER' ? found + 1 : found, replaced: 0 };
}
