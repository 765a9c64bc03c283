// The walk along a written body and a table of what has an effect.
import type { Path } from '#api/finding.ts';
import { isObject } from '#base/object.ts';

/** `all`: this field and all below it. Otherwise the fields that have an effect; lists are passed through, `*` stands for any key of a map. */
export type Effect = 'all' | { readonly [field: string]: Effect };

/** The paths of all written fields that have no effect; none for what stands below such a field. */
export function ineffectivePaths(value: unknown, effect: Effect, path: Path): readonly Path[] {
  if (effect === 'all') return [];
  if (Array.isArray(value)) return value.flatMap((item: unknown, index) => ineffectivePaths(item, effect, [...path, index]));
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([name, child]) => {
    const below = effect[name] ?? effect['*'];
    return below === undefined ? [[...path, name]] : ineffectivePaths(child, below, [...path, name]);
  });
}
