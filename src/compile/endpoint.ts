// In: a service and the destination rule in force. Out: the ClusterLoadAssignments of its clusters: per locality and priority the endpoints that are
// ready and, for a subset, have its labels. Where no setting looks at localities they depend on nothing of the client, so all proxies share them.
import { isIP } from 'node:net';
import { socketAddress, unixAddress } from '#compile/address.ts';
import type { ClusterPolicy } from '#compile/cluster-policy.ts';
import { type EndpointGroup, groupEndpoints, type Placement } from '#compile/endpoint-locality.ts';
import { throughGateways } from '#compile/endpoint-network.ts';
import type { LocalitySetting } from '#compile/locality-balancing.ts';
import { endpointMetadata } from '#compile/metadata.ts';
import { makeUnit, type Unit } from '#compile/unit.ts';
import { create } from '#envoy/create.ts';
import { HealthStatus } from '#envoy/gen/envoy/config/core/v3/health_check_pb.js';
import { type LbEndpoint, LbEndpointSchema } from '#envoy/gen/envoy/config/endpoint/v3/endpoint_components_pb.js';
import { type ClusterLoadAssignment, ClusterLoadAssignmentSchema } from '#envoy/gen/envoy/config/endpoint/v3/endpoint_pb.js';
import type { NodeOrigin } from '#envoy/origin-table.ts';
import { typeUrls } from '#envoy/type-url.ts';
import type { ClientTls, Subset } from '#model/destination-rule.ts';
import { labelsMatch } from '#model/labels.ts';
import { topologyLabels } from '#model/locality.ts';
import { peerText } from '#model/peer-text.ts';
import type { Endpoint, Service, ServicePort } from '#model/service.ts';

const unixScheme = 'unix://';

/** One assignment per port, and per port and subset. `policies`: see `clusterPolicies`. */
export function loadAssignments(
  service: Service,
  policies: readonly ClusterPolicy[],
  placement: Placement,
  plain: ReadonlySet<Endpoint>,
): readonly Unit[] {
  // An endpoint is the same in the assignments of all subsets that it belongs to.
  let made: LbEndpoints | undefined;
  return policies.map(({ name, port, subset, locality, policy }) => {
    const assignment = { name, service, port, subset, locality, placement, plain, mode: policy?.tls?.mode };
    const message = (): ClusterLoadAssignment => {
      made ??= new Map();
      return assignEndpoints(assignment, isAddress, made);
    };
    return makeUnit(typeUrls.endpoint, name, ClusterLoadAssignmentSchema, message, () => endpointOrigins(assignment, isAddress));
  });
}

type LbEndpoints = Map<Endpoint, LbEndpoint>;

type Assignment = {
  readonly name: string;
  readonly service: Service;
  readonly port: ServicePort;
  readonly subset: Subset | undefined;
  readonly locality: LocalitySetting | undefined;
  readonly placement: Placement;
  /** Those that take no mutual TLS whatever their labels say. */
  readonly plain: ReadonlySet<Endpoint>;
  /** How a destination rule has them called. */
  readonly mode: ClientTls['mode'] | undefined;
};

type IsUsable = (endpoint: Endpoint) => boolean;

const anyUsable: IsUsable = () => true;

/** `usable`: endpoints that EDS can name are addresses; for DNS they are names as well. */
export function assignEndpoints(assignment: Assignment, usable = anyUsable, made: LbEndpoints = new Map()): ClusterLoadAssignment {
  const { name, locality, placement } = assignment;
  const groups = groupEndpoints(assignedEndpoints(assignment, usable), locality, placement);
  return create(ClusterLoadAssignmentSchema, { clusterName: name, endpoints: groups.map((group) => localityEndpoints(assignment, group, made)) });
}

function endpointOrigins(assignment: Assignment, usable: IsUsable): readonly NodeOrigin[] {
  return assignedEndpoints(assignment, usable).map(({ address, port, origin }) => {
    return [{ kind: 'endpoint', cluster: assignment.name, address: `${address}:${port}` }, origin];
  });
}

function assignedEndpoints({ service, port, subset, placement, plain, mode }: Assignment, usable: IsUsable): readonly Endpoint[] {
  const ready = service.endpoints.filter(
    (endpoint) =>
      endpoint.servicePortNumber === port.number &&
      endpoint.health === 'ready' &&
      (service.nodeLocal !== true || endpoint.labels[topologyLabels.host] === placement.labels[topologyLabels.host]) &&
      (subset === undefined || labelsMatch(subset.labels, endpoint.labels)),
  );
  return throughGateways(ready, placement.networks, { mode, plain }).filter(usable);
}

function isAddress({ address }: Endpoint): boolean {
  return address.startsWith(unixScheme) || isIP(address) !== 0;
}

function localityEndpoints(assignment: Assignment, { locality, endpoints, weight, priority }: EndpointGroup, made: LbEndpoints) {
  const lbEndpoints = endpoints.map((endpoint) => {
    const known = made.get(endpoint) ?? lbEndpoint(assignment, endpoint);
    made.set(endpoint, known);
    return known;
  });
  return { locality, loadBalancingWeight: weight, priority, lbEndpoints };
}

function lbEndpoint({ service, plain }: Assignment, endpoint: Endpoint): LbEndpoint {
  const { address, port, weight = 1, tlsMode } = endpoint;
  return create(LbEndpointSchema, {
    healthStatus: HealthStatus.HEALTHY,
    loadBalancingWeight: weight,
    metadata: endpointMetadata(workloadLabel(service, endpoint), tlsMode !== undefined && !plain.has(endpoint)),
    hostIdentifier: {
      case: 'endpoint',
      value: { address: address.startsWith(unixScheme) ? unixAddress(address.slice(unixScheme.length)) : socketAddress(address, port) },
    },
  });
}

/** Who is behind the endpoint, as telemetry says it. */
function workloadLabel(service: Service, endpoint: Endpoint): string {
  const [namespace = service.namespace, pod = ''] = (endpoint.workload ?? endpoint.workloadEntry)?.split('/') ?? [];
  return peerText({ name: endpoint.workloadName ?? pod, namespace, cluster: 'Kubernetes', labels: endpoint.labels });
}
