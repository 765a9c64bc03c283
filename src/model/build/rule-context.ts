// What every part of one resource's rules is resolved with.
import type { FieldOrigins } from '#api/resource.ts';
import type { MeshSettings } from '#model/mesh.ts';

/** `namespace` is the resource's own: short names mean services of it. */
export type RuleContext = { readonly namespace: string; readonly settings: Pick<MeshSettings, 'domain'>; readonly origins: FieldOrigins };

/** Where a part stands in the resource, `['spec', 'http', 0]`. */
export type RulePath = readonly (string | number)[];
