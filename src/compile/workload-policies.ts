// In: a proxy. Out: the filters that the policies for it ask for: RequestAuthentications and AuthorizationPolicies.
import type { CompileCache } from '#compile/compile-cache.ts';
import { noWorkloadFilters, type WorkloadFilters } from '#compile/workload-filters.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Proxy } from '#model/proxy.ts';

/** The same object for the same policies. */
export function workloadFilters(_mesh: Mesh, _proxy: Proxy, _cache: CompileCache): WorkloadFilters {
  return noWorkloadFilters;
}
