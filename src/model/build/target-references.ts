// targetRefs of a policy, with the place of each.
import type { FieldOrigins } from '#api/resource.ts';
import type { TargetReference } from '#model/target-reference.ts';

type Written = { readonly group?: string; readonly kind: string; readonly name: string };

export function targetReferences(written: readonly Written[], origins: FieldOrigins): readonly TargetReference[] {
  return written.map(({ group = '', kind, name }, index) => ({ group, kind, name, origin: origins.at(['spec', 'targetRefs', index]) }));
}
