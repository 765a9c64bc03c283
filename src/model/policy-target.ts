// Whether a policy is for a workload: by labels in its own namespace, everywhere from the root namespace, or by the name of what it targets.
import { labelsMatch } from '#model/labels.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Service } from '#model/service.ts';
import { serviceSelects } from '#model/service-selection.ts';
import type { TargetReference } from '#model/target-reference.ts';

/** The Gateway API's label on the workloads of a Gateway. */
const gatewayNameLabel = 'gateway.networking.k8s.io/gateway-name';

export type Policy = {
  readonly namespace: string;
  readonly selector?: Readonly<Record<string, string>>;
  readonly targets?: readonly TargetReference[];
};

/** The workload as policies see it. */
export type PolicySubject = { readonly type: 'sidecar' | 'router'; readonly namespace: string; readonly labels: Readonly<Record<string, string>> };

export type PolicyMesh = Pick<Mesh, 'settings' | 'services' | 'sharedHosts' | 'gateways'>;

/**
 * Source: Istio, "workloadSelector" and "targetRefs": targets are in the policy's namespace, as are the workloads of a selector. Differs from Istio:
 * what targets a Service or ServiceEntry is enforced by the sidecars of the workloads behind it, as there are no waypoints.
 */
export function policyIsFor({ namespace, selector, targets }: Policy, subject: PolicySubject, mesh: PolicyMesh): boolean {
  if (targets !== undefined) return targets.some((target) => isTarget(target, namespace, subject, mesh));
  if (namespace !== subject.namespace && namespace !== mesh.settings.rootNamespace) return false;
  return selector === undefined || labelsMatch(selector, subject.labels);
}

/** A Gateway stands for the proxies it selects, wherever they run; a Service for those behind it. */
export function isTarget({ group, kind, name }: TargetReference, namespace: string, subject: PolicySubject, mesh: PolicyMesh): boolean {
  const { type, labels } = subject;
  if (kind === 'Service' && (group === '' || group === 'core')) {
    return type === 'sidecar' && isBehind(mesh.services.get(`${name}.${namespace}.svc.${mesh.settings.domain}`), namespace, subject);
  }
  if (kind === 'ServiceEntry' && group === 'networking.istio.io') {
    return type === 'sidecar' && servicesOfEntry(mesh, namespace, name).some((service) => isBehind(service, namespace, subject));
  }
  if (kind !== 'Gateway' || type !== 'router') return false;
  if (labels[gatewayNameLabel] === name && subject.namespace === namespace) return true;
  const gateway = mesh.gateways.find((candidate) => candidate.name === name && candidate.namespace === namespace);
  return gateway !== undefined && labelsMatch(gateway.selector, labels);
}

function isBehind(service: Service | undefined, namespace: string, { namespace: home, labels }: PolicySubject): boolean {
  return home === namespace && service !== undefined && serviceSelects(service, { namespace, labels });
}

/** A ServiceEntry is known by where it is written. */
function servicesOfEntry({ services, sharedHosts }: PolicyMesh, namespace: string, name: string): readonly Service[] {
  const resource = `ServiceEntry ${namespace}/${name}`;
  const all = [...services].flatMap(([hostname, service]) => sharedHosts.get(hostname) ?? [service]);
  return all.filter((service) => service.registry === 'service-entry' && service.origin.resource === resource);
}
