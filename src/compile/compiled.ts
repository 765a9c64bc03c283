// What compiling gives: everything one proxy needs, as xDS, and where each part of it comes from.
import type { Diagnostic } from '#base/diagnostic.ts';
import type { OriginTable } from '#envoy/origin-table.ts';
import type { ResourceSet } from '#envoy/resource.ts';

export type Compiled = {
  readonly resources: ResourceSet;
  readonly origins: OriginTable;
  readonly diagnostics: readonly Diagnostic[];
};
