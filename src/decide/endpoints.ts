// Envoy's ClusterLoadAssignment, compiled: all endpoints of a cluster with priority, weight and health.
import { failed, ok, type Result } from '#base/result.ts';
import type { EndpointEntry, EndpointSet } from '#decide/cluster-entry.ts';
import { type ConfigError, Problems } from '#decide/config-error.ts';
import { findUnsupported } from '#decide/supported.ts';
import { HealthStatus } from '#envoy/gen/envoy/config/core/v3/health_check_pb.js';
import type { LbEndpoint } from '#envoy/gen/envoy/config/endpoint/v3/endpoint_components_pb.js';
import { type ClusterLoadAssignment, ClusterLoadAssignmentSchema } from '#envoy/gen/envoy/config/endpoint/v3/endpoint_pb.js';

export function compileEndpoints(assignment: ClusterLoadAssignment): Result<EndpointSet, readonly ConfigError[]> {
  const problems = new Problems(assignment.clusterName);
  findUnsupported(ClusterLoadAssignmentSchema, assignment, '', problems);
  const set = buildEndpoints(assignment, '', problems);
  return problems.errors.length > 0 ? failed(problems.errors) : ok(set);
}

/** The same for an assignment inside a cluster; `field` is where it stands. */
export function buildEndpoints(assignment: ClusterLoadAssignment, field: string, problems: Problems): EndpointSet {
  const below = field === '' ? '' : `${field}.`;
  const endpoints = assignment.endpoints.flatMap((locality, index) =>
    locality.lbEndpoints.flatMap((endpoint, position) => {
      const at = `${below}endpoints[${index}].lb_endpoints[${position}]`;
      return compileEndpoint(endpoint, locality.priority, at, problems);
    }),
  );
  return { cluster: assignment.clusterName, endpoints, overprovisioningFactor: assignment.policy?.overprovisioningFactor ?? 140 };
}

function compileEndpoint(endpoint: LbEndpoint, priority: number, field: string, problems: Problems): EndpointEntry[] {
  const host = endpoint.hostIdentifier.case === 'endpoint' ? endpoint.hostIdentifier.value : undefined;
  const socket = host?.address?.address.case === 'socketAddress' ? host.address.address.value : undefined;
  if (socket?.portSpecifier.case !== 'portValue') {
    problems.report(`${field}.endpoint.address`, 'a socket address with a port is required');
    return [];
  }
  const { address } = socket;
  const port = socket.portSpecifier.value;
  const { healthStatus: health } = endpoint;
  return [
    {
      address,
      port,
      weight: endpoint.loadBalancingWeight ?? 1,
      // What EDS does not say counts as healthy.
      healthy: health === HealthStatus.UNKNOWN || health === HealthStatus.HEALTHY,
      degraded: health === HealthStatus.DEGRADED,
      priority,
      hostname: host?.hostname ?? '',
      key: address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`,
    },
  ];
}
