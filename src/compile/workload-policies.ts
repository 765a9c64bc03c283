// In: a proxy. Out: the filters that the policies for it ask for: RequestAuthentications and AuthorizationPolicies.
import { proxyAuthorization } from '#compile/authorization.ts';
import type { CompileCache } from '#compile/compile-cache.ts';
import { requestAuthentication } from '#compile/jwt.ts';
import type { TokenKeys } from '#compile/token-keys.ts';
import { noWorkloadFilters, type WorkloadFilters } from '#compile/workload-filters.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Proxy } from '#model/proxy.ts';

/** The same object for the same policies. */
export function workloadFilters(mesh: Mesh, proxy: Proxy, tokenKeys: TokenKeys, cache: CompileCache): WorkloadFilters {
  if (mesh.authorizationPolicies.length === 0 && mesh.requestAuthentications.length === 0) return noWorkloadFilters;
  const authorization = proxyAuthorization(mesh, proxy, cache);
  const tokens = requestAuthentication(mesh, proxy, tokenKeys, cache);
  return cache.once('workload filters', [authorization, tokens], '', () => ({
    ...noWorkloadFilters,
    ...authorization,
    requestAuthentication: tokens,
  }));
}
