// In: a service and the destination rule in force. Out: the ClusterLoadAssignments of its clusters: per locality the endpoints that are
// ready and, for a subset, have its labels. Depends on nothing of the client, so all proxies share it.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { socketAddress } from '#compile/address.ts';
import { istioMetadata } from '#compile/metadata.ts';
import { outboundClusterName } from '#compile/names.ts';
import { makeUnit, type NodeOrigin, type Unit } from '#compile/unit.ts';
import { HealthStatus } from '#envoy/gen/envoy/config/core/v3/health_check_pb.js';
import type { LbEndpointSchema } from '#envoy/gen/envoy/config/endpoint/v3/endpoint_components_pb.js';
import { ClusterLoadAssignmentSchema } from '#envoy/gen/envoy/config/endpoint/v3/endpoint_pb.js';
import { typeUrls } from '#envoy/type-url.ts';
import type { DestinationRule, Subset } from '#model/destination-rule.ts';
import { labelsMatch } from '#model/labels.ts';
import type { Endpoint, Service, ServicePort } from '#model/service.ts';

/** One assignment per port, and per port and subset. */
export function loadAssignments(service: Service, rule: DestinationRule | undefined): readonly Unit[] {
  return service.ports
    .filter((port) => port.protocol !== 'udp')
    .flatMap((port) => [undefined, ...(rule?.subsets ?? [])].map((subset) => loadAssignment(service, port, subset)));
}

function loadAssignment(service: Service, port: ServicePort, subset: Subset | undefined): Unit {
  const clusterName = outboundClusterName(port.number, subset?.name, service.hostname);
  const endpoints = service.endpoints.filter(
    (endpoint) =>
      endpoint.servicePortNumber === port.number &&
      endpoint.health === 'ready' &&
      (subset === undefined || labelsMatch(subset.labels, endpoint.labels)),
  );
  const localities = Map.groupBy(endpoints, ({ locality }) => `${locality?.region ?? ''}/${locality?.zone ?? ''}/${locality?.subZone ?? ''}`);
  const message = create(ClusterLoadAssignmentSchema, {
    clusterName,
    endpoints: [...localities].sort(byKey).map(([, members]) => ({
      locality: members[0]?.locality ?? {},
      loadBalancingWeight: members.length,
      lbEndpoints: members.map((endpoint) => lbEndpoint(service, endpoint)),
    })),
  });
  const origins = endpoints.map((endpoint): NodeOrigin => {
    const address = `${endpoint.address}:${endpoint.port}`;
    return [{ kind: 'endpoint', cluster: clusterName, address }, endpoint.origin];
  });
  return makeUnit(typeUrls.endpoint, clusterName, ClusterLoadAssignmentSchema, message, origins);
}

function lbEndpoint(service: Service, endpoint: Endpoint): MessageInitShape<typeof LbEndpointSchema> {
  return {
    healthStatus: HealthStatus.HEALTHY,
    loadBalancingWeight: 1,
    metadata: istioMetadata({ workload: workloadLabel(service, endpoint) }),
    hostIdentifier: { case: 'endpoint', value: { address: socketAddress(endpoint.address, endpoint.port) } },
  };
}

/** Istio's compact form, `workload;namespace;canonical name;canonical revision;cluster`; `latest` is left out of it. */
function workloadLabel(service: Service, endpoint: Endpoint): string {
  const [namespace = service.namespace, pod = ''] = endpoint.workload?.split('/') ?? [];
  const { labels } = endpoint;
  const name = labels['service.istio.io/workload-name'] ?? pod;
  const canonicalName = labels['service.istio.io/canonical-name'] ?? labels['app.kubernetes.io/name'] ?? labels['app'] ?? name;
  const revision = labels['service.istio.io/canonical-revision'] ?? labels['app.kubernetes.io/version'] ?? labels['version'] ?? '';
  return [name, namespace, canonicalName, revision === 'latest' ? '' : revision, 'Kubernetes'].join(';');
}

function byKey(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0;
}
