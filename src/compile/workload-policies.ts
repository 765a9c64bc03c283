// In: a proxy. Out: the filters that the policies for it ask for: RequestAuthentications and AuthorizationPolicies.
import { proxyAuthorization } from '#compile/authorization.ts';
import type { CompileCache } from '#compile/compile-cache.ts';
import { noWorkloadFilters, type WorkloadFilters } from '#compile/workload-filters.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Proxy } from '#model/proxy.ts';

/** The same object for the same policies. */
export function workloadFilters(mesh: Mesh, proxy: Proxy, cache: CompileCache): WorkloadFilters {
  if (mesh.authorizationPolicies.length === 0) return noWorkloadFilters;
  const authorization = proxyAuthorization(mesh, proxy, cache);
  return cache.once('workload filters', [authorization], '', () => ({ ...noWorkloadFilters, ...authorization }));
}
