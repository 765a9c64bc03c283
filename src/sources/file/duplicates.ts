// Two places that define the same resource: the first, in the order of files and lines, is in force; the second is named with the first.
import type { AnyResource } from '#api/kinds.ts';
import { resourceName } from '#api/resource-name.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { formatOrigin } from '#base/origin.ts';
import { idOf } from '#sources/next-snapshot.ts';

export type Unique = { readonly resources: readonly AnyResource[]; readonly diagnostics: readonly Diagnostic[] };

/** Keeps the first of each id and reports the others (HDL0007). */
export function withoutDuplicates(resources: Iterable<AnyResource>): Unique {
  const first = new Map<string, AnyResource>();
  const diagnostics: Diagnostic[] = [];
  for (const resource of resources) {
    const id = idOf(resource);
    const earlier = first.get(id);
    if (earlier === undefined) {
      first.set(id, resource);
      continue;
    }
    diagnostics.push({
      code: 'HDL0007',
      severity: 'error',
      message: `${resourceName(resource)} is defined twice; the definition in ${formatOrigin(earlier.origins.start)} is in force`,
      hint: 'remove or rename one of the two',
      at: resource.origins.at(['metadata', 'name']),
      related: [{ message: 'first defined here', at: earlier.origins.at(['metadata', 'name']) }],
    });
  }
  return { resources: [...first.values()], diagnostics };
}
