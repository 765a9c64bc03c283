// The proxy that stands beside a workload, as Istio's injection would start it: for showing what it would be told without running it.
import { labelsMatch } from '#model/labels.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Interception, Proxy } from '#model/proxy.ts';
import { serviceSelects } from '#model/service-selection.ts';
import type { Workload } from '#model/workload.ts';

/** A router where a Gateway selects the workload, else a sidecar. */
export function proxyForWorkload(mesh: Mesh, workload: Workload, interception: Interception): Proxy {
  const type = isGateway(mesh, workload) ? 'router' : 'sidecar';
  const { name, namespace, address, otherAddresses = [], labels } = workload;
  const dnsDomain = `${namespace}.svc.${mesh.settings.domain}`;
  return {
    type,
    name,
    namespace,
    nodeId: `${type}~${address}~${name}.${namespace}~${dnsDomain}`,
    addresses: [address, ...otherAddresses],
    labels,
    dnsDomain,
    interception,
    explainFailures: false,
  };
}

/** An empty selector selects every gateway, and so tells nothing about what is one. */
function isGateway(mesh: Mesh, workload: Workload): boolean {
  return mesh.gateways.some(
    ({ selector, namespace, services = [] }) =>
      (Object.keys(selector).length > 0 && labelsMatch(selector, workload.labels)) ||
      (namespace === workload.namespace &&
        services.flatMap((host) => mesh.services.get(host) ?? []).some((service) => serviceSelects(service, workload))),
  );
}
