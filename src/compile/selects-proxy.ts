// Whether a policy is for a proxy: see model/policy-target.ts.
import type { Mesh } from '#model/mesh.ts';
import { type Policy, policyIsFor } from '#model/policy-target.ts';
import type { Proxy } from '#model/proxy.ts';

export function selectsProxy(policy: Policy, mesh: Mesh, proxy: Proxy): boolean {
  const labels = mesh.workloads.get(`${proxy.namespace}/${proxy.name}`)?.labels ?? proxy.labels;
  return policyIsFor(policy, { type: proxy.type, namespace: proxy.namespace, labels }, mesh);
}
