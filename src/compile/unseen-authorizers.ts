// In: a proxy and its clusters. Out: a finding for each authoriser that its policies ask and that it has no way to, so that nobody looks for the
// reason of the denials.
import type { Diagnostic } from '#base/diagnostic.ts';
import { authorizationPoliciesFor } from '#compile/authorization.ts';
import { authorizersOf } from '#compile/authorization-filters.ts';
import { outboundClusterName } from '#compile/names.ts';
import type { ResourceSet } from '#envoy/resource.ts';
import { typeUrls } from '#envoy/type-url.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Proxy } from '#model/proxy.ts';

/** HDL0076 for authorisers whose service the proxy does not see, because of its Sidecar or the service's exportTo: nobody can be asked, so all is denied. */
export function unseenAuthorizers(mesh: Mesh, proxy: Proxy, clusters: ResourceSet): readonly Diagnostic[] {
  const custom = authorizationPoliciesFor(mesh, proxy).filter(({ action }) => action.kind === 'custom');
  if (custom.length === 0) return [];
  const authorizers = authorizersOf(custom, mesh);
  return custom.flatMap(({ action, namespace, name, origin }): readonly Diagnostic[] => {
    const found = action.kind === 'custom' ? authorizers.get(action.provider) : undefined;
    if (found === undefined) return [];
    const { provider, service } = found;
    if (clusters.get(typeUrls.cluster)?.has(outboundClusterName(provider.port, undefined, service.hostname)) === true) return [];
    return [
      {
        code: 'HDL0076',
        severity: 'error',
        message: `AuthorizationPolicy ${namespace}/${name}: workloads of namespace ${proxy.namespace} that it is for do not see ${service.hostname}, whom it asks, so all that it picks is ${provider.failOpen ? 'let in unasked' : 'denied'}`,
        hint: 'let the service in, in egress.hosts of their Sidecar and in exportTo of the service',
        at: origin,
      },
    ];
  });
}
