// Envoy's ClusterLoadAssignment, compiled: all endpoints of a cluster with priority, weight and health.
import { failed, ok, type Result } from '#base/result.ts';
import type { EndpointEntry, EndpointSet } from '#decide/cluster-entry.ts';
import { type ConfigError, Problems } from '#decide/config-error.ts';
import { metadataTexts } from '#decide/metadata-texts.ts';
import { findUnsupported } from '#decide/supported.ts';
import { socketMatchOf } from '#decide/transport-socket.ts';
import type { Address } from '#envoy/gen/envoy/config/core/v3/address_pb.js';
import type { Locality } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { HealthStatus } from '#envoy/gen/envoy/config/core/v3/health_check_pb.js';
import type { LbEndpoint, LocalityLbEndpoints } from '#envoy/gen/envoy/config/endpoint/v3/endpoint_components_pb.js';
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
      return compileEndpoint(endpoint, locality, at, problems);
    }),
  );
  return { cluster: assignment.clusterName, endpoints, overprovisioningFactor: assignment.policy?.overprovisioningFactor ?? 140 };
}

function compileEndpoint(endpoint: LbEndpoint, group: LocalityLbEndpoints, field: string, problems: Problems): EndpointEntry[] {
  const host = endpoint.hostIdentifier.case === 'endpoint' ? endpoint.hostIdentifier.value : undefined;
  const address = addressOf(host?.address);
  if (address === undefined) {
    problems.report(`${field}.endpoint.address`, 'a socket address with a port, or a pipe with a path, is required');
    return [];
  }
  const { healthStatus: health } = endpoint;
  const socketMatch = socketMatchOf(endpoint.metadata);
  const hashKey = endpoint.metadata?.filterMetadata['envoy.lb']?.['hash_key'];
  return [
    {
      ...endpointAt(address.address, address.port),
      weight: endpoint.loadBalancingWeight ?? 1,
      // What EDS does not say counts as healthy.
      healthy: health === HealthStatus.UNKNOWN || health === HealthStatus.HEALTHY,
      degraded: health === HealthStatus.DEGRADED,
      priority: group.priority,
      hostname: host?.hostname ?? '',
      locality: localityName(group.locality),
      localityWeight: group.loadBalancingWeight ?? 0,
      hashKey: typeof hashKey === 'string' ? hashKey : '',
      metadata: metadataTexts(endpoint.metadata),
      ...(socketMatch === undefined ? {} : { socketMatch }),
    },
  ];
}

function addressOf(address: Address | undefined): { readonly address: string; readonly port: number } | undefined {
  const found = address?.address;
  if (found?.case === 'pipe') return found.value.path === '' ? undefined : { address: found.value.path, port: 0 };
  if (found?.case !== 'socketAddress' || found.value.portSpecifier.case !== 'portValue') return undefined;
  return { address: found.value.address, port: found.value.portSpecifier.value };
}

/** An endpoint that nothing is known of but its address; port 0 with the path of a Unix socket. */
export function endpointAt(address: string, port: number): EndpointEntry {
  return {
    address,
    port,
    weight: 1,
    healthy: true,
    degraded: false,
    priority: 0,
    locality: '//',
    localityWeight: 0,
    hashKey: '',
    hostname: '',
    metadata: metadataTexts(undefined),
    key: isSocketPath(address) ? address : address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`,
  };
}

export function isSocketPath(address: string): boolean {
  return address.startsWith('/') || address.startsWith('@');
}

/** `region/zone/sub_zone`, `//` where nothing is known: sorts as Envoy sorts localities. */
export function localityName(locality: Locality | undefined): string {
  return `${locality?.region ?? ''}/${locality?.zone ?? ''}/${locality?.subZone ?? ''}`;
}
