// Which proxies enforce each policy of the mesh, as the admin API shows it: for whom it is by the mesh, and whether those proxies hold the
// configuration that was made of it.
import type { PolicyView, ProxyView } from '#admin/views.ts';
import { formatOrigin } from '#base/origin.ts';
import type { Mesh } from '#model/mesh.ts';
import { indexReach, policyReach } from '#model/policy-reach.ts';
import type { Policy } from '#model/policy-target.ts';
import type { Workload } from '#model/workload.ts';

type Named = Policy & { readonly name: string; readonly origin: Parameters<typeof formatOrigin>[0] };

/** In the order of the kinds, then of their precedence. */
export function policyViews(mesh: Mesh, proxies: readonly ProxyView[]): readonly PolicyView[] {
  const index = indexReach(mesh);
  const states = new Map(proxies.map((proxy) => [proxy.name, proxy.connected ? proxy.state : 'not connected'] as const));
  const view = (kind: PolicyView['kind'], policy: Named, action?: string): PolicyView => {
    const { enforcing, unprotected } = policyReach(policy, mesh, index);
    return {
      kind,
      policy: `${policy.namespace}/${policy.name}`,
      at: formatOrigin(policy.origin),
      ...(action !== undefined && { action }),
      proxies: enforcing.map(({ workload }) => ({ name: nameOf(workload), state: states.get(nameOf(workload)) ?? 'not connected' })),
      withoutProxy: unprotected.map(nameOf),
    };
  };
  return [
    ...mesh.peerAuthentications.map((policy) => view('PeerAuthentication', policy)),
    ...mesh.requestAuthentications.map((policy) => view('RequestAuthentication', policy)),
    ...mesh.authorizationPolicies.map((policy) =>
      view('AuthorizationPolicy', policy, `${policy.action.kind.toUpperCase()}${policy.dryRun ? ' (dry-run)' : ''}`),
    ),
  ];
}

/** As proxies are called: `stock.shop`. */
function nameOf({ name, namespace }: Workload): string {
  return `${name}.${namespace}`;
}
