// What compiling gives: everything one proxy needs, as xDS, and where each part of it comes from.
import type { Diagnostic } from '#base/diagnostic.ts';
import type { OriginTable } from '#envoy/origin-table.ts';
import type { ResourceSet } from '#envoy/resource.ts';
import type { EnvoyPatch } from '#model/envoy-filter.ts';

export type Compiled = {
  readonly resources: ResourceSet;
  readonly origins: OriginTable;
  readonly diagnostics: readonly Diagnostic[];
  /** EnvoyFilter patches that are meant for this proxy, and those of them that changed something. */
  readonly patches?: readonly EnvoyPatch[];
  readonly touched?: ReadonlySet<EnvoyPatch>;
};
