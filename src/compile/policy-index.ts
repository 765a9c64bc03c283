// Which of many policies are for a proxy, without looking at those of other namespaces: of AuthorizationPolicies and RequestAuthentications alike.
import { selectsProxy } from '#compile/selects-proxy.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Policy } from '#model/policy-target.ts';
import type { Proxy } from '#model/proxy.ts';

/** Policies by namespace; those that name a target may be for proxies of other namespaces, too. */
type PolicyIndex = { readonly byNamespace: ReadonlyMap<string, readonly Policy[]>; readonly targeting: readonly Policy[] };

const indexes = new WeakMap<readonly Policy[], PolicyIndex>();

function indexOf(policies: readonly Policy[]): PolicyIndex {
  let index = indexes.get(policies);
  if (index === undefined) {
    const general = policies.filter(({ targets }) => targets === undefined);
    index = { byNamespace: Map.groupBy(general, ({ namespace }) => namespace), targeting: policies.filter(({ targets }) => targets !== undefined) };
    indexes.set(policies, index);
  }
  return index;
}

/** The mesh's first, then the namespace's, then those for what the proxy belongs to. Source: Istio, ListAuthorizationPolicies. */
export function policiesFor<Kind extends Policy>(policies: readonly Kind[], mesh: Mesh, proxy: Proxy): readonly Kind[] {
  if (policies.length === 0) return policies;
  const { byNamespace, targeting } = indexOf(policies);
  const namespaces = new Set([mesh.settings.rootNamespace, proxy.namespace]);
  const near = [...namespaces].flatMap((namespace) => byNamespace.get(namespace) ?? []);
  const found = [...near, ...targeting].filter((policy) => selectsProxy(policy, mesh, proxy));
  // The index of a list holds members of that list, which are all of one kind.
  return found as readonly Policy[] as readonly Kind[];
}
