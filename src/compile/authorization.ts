// In: a proxy. Out: the AuthorizationPolicies that are for it, and the filters that enforce them; the same filters for the same policies.
import { type AuthorizationFilters, authorizationFilters, authorizersOf } from '#compile/authorization-filters.ts';
import { policyRuleName } from '#compile/authorization-names.ts';
import { asksPorts } from '#compile/authorization-rules.ts';
import type { CompileCache } from '#compile/compile-cache.ts';
import { policiesFor } from '#compile/policy-index.ts';
import { type NodeOrigin, OriginTable } from '#envoy/origin-table.ts';
import type { AuthorizationPolicy } from '#model/authorization-policy.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Proxy } from '#model/proxy.ts';

export function authorizationPoliciesFor(mesh: Mesh, proxy: Proxy): readonly AuthorizationPolicy[] {
  return policiesFor(mesh.authorizationPolicies, mesh, proxy);
}

const none: AuthorizationFilters = { externalAuthorization: [], authorization: [], network: [] };

export function proxyAuthorization(mesh: Mesh, proxy: Proxy, cache: CompileCache): AuthorizationFilters {
  const policies = authorizationPoliciesFor(mesh, proxy);
  if (policies.length === 0) return none;
  const authorizers = authorizersOf(policies, mesh);
  // Of a service only its name matters: its endpoints come and go.
  const services = [...authorizers].map(([name, { service }]) => `${name} ${service.hostname}`).join('\n');
  const listens = policies.some(asksPorts) ? listenPorts(proxy) : undefined;
  const key = `${services}\n${JSON.stringify([...(listens ?? [])])}`;
  return cache.once('authorization filters', policies, key, () =>
    authorizationFilters(policies, { settings: mesh.settings, authorizers, cache, listens }),
  );
}

/** Without redirection a proxy is at ports of its own; rules are about those of the workload all the same. */
function listenPorts({ interception }: Proxy): ReadonlyMap<string, number> | undefined {
  if (interception.kind !== 'none') return undefined;
  return new Map(Object.entries(interception.inbound).map(([port, { listen }]) => [port, listen]));
}

/** Where each rule of a mesh's policies is written, by the name that it has in every proxy. */
export function authorizationOrigins({ authorizationPolicies: policies }: Mesh): OriginTable {
  let table = tables.get(policies);
  if (table === undefined) {
    table = new OriginTable([], () => policies.flatMap(ruleOrigins));
    tables.set(policies, table);
  }
  return table;
}

const tables = new WeakMap<readonly AuthorizationPolicy[], OriginTable>();

function ruleOrigins(policy: AuthorizationPolicy): readonly NodeOrigin[] {
  const rules = policy.rules.length === 0 ? [policy.origin] : policy.rules.map(({ origin }) => origin);
  return rules.map((origin, index) => [{ kind: 'rbacPolicy', policy: policyRuleName(policy, index) }, origin]);
}
