// Whether a policy is for a proxy: by labels in its own namespace, everywhere from the root namespace, or by the name of what it targets.
import { labelsMatch } from '#model/labels.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Proxy } from '#model/proxy.ts';
import type { TargetReference } from '#model/target-reference.ts';

/** The Gateway API's label on the workloads of a Gateway. */
const gatewayNameLabel = 'gateway.networking.k8s.io/gateway-name';

export type Policy = {
  readonly namespace: string;
  readonly selector?: Readonly<Record<string, string>>;
  readonly targets?: readonly TargetReference[];
};

/** Source: Istio, "workloadSelector" and "targetRefs": targets are in the policy's namespace, as are the workloads of a selector. */
export function selectsProxy({ namespace, selector, targets }: Policy, mesh: Mesh, proxy: Proxy): boolean {
  const labels = mesh.workloads.get(`${proxy.namespace}/${proxy.name}`)?.labels ?? proxy.labels;
  if (targets !== undefined) return targets.some((target) => isTarget(target, namespace, labels, mesh, proxy));
  if (namespace !== proxy.namespace && namespace !== mesh.settings.rootNamespace) return false;
  return selector === undefined || labelsMatch(selector, labels);
}

/** A Gateway stands for the proxies it selects, wherever they run; a Service for those behind it. */
function isTarget(
  { group, kind, name }: TargetReference,
  namespace: string,
  labels: Readonly<Record<string, string>>,
  mesh: Mesh,
  proxy: Proxy,
): boolean {
  if (kind === 'Service' && group === '') {
    const service = mesh.services.get(`${name}.${namespace}.svc.${mesh.settings.domain}`);
    const selector = service?.selector ?? {};
    return proxy.type === 'sidecar' && proxy.namespace === namespace && Object.keys(selector).length > 0 && labelsMatch(selector, labels);
  }
  if (kind !== 'Gateway' || proxy.type !== 'router') return false;
  if (labels[gatewayNameLabel] === name && proxy.namespace === namespace) return true;
  const gateway = mesh.gateways.find((candidate) => candidate.name === name && candidate.namespace === namespace);
  return gateway !== undefined && labelsMatch(gateway.selector, labels);
}
