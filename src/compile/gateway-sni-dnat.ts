// AUTO_PASSTHROUGH: clusters that clients name by the server name of their TLS, `outbound_.80_.v1_.hello.default.svc.cluster.local`, so that a
// gateway passes mutual TLS of the mesh on to any service without rules. They end no TLS and lead to endpoints with mutual TLS only.
import { clone, isMessage } from '@bufbuild/protobuf';
import { meshServerName, outboundClusterName } from '#compile/names.ts';
import type { Scope } from '#compile/scope.ts';
import { makeUnit, type Unit } from '#compile/unit.ts';
import { create } from '#envoy/create.ts';
import { type Cluster, ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import type { LbEndpoint } from '#envoy/gen/envoy/config/endpoint/v3/endpoint_components_pb.js';
import { type ClusterLoadAssignment, ClusterLoadAssignmentSchema } from '#envoy/gen/envoy/config/endpoint/v3/endpoint_pb.js';
import type { ResourceSet } from '#envoy/resource.ts';
import { typeUrls } from '#envoy/type-url.ts';
import { hostCovers } from '#model/hostname.ts';
import type { Service } from '#model/service.ts';

/** A cluster by both its names, and the service behind it. */
export type SniDnatTarget = { readonly name: string; readonly outbound: string; readonly service: Service };

/** Of all services of the mesh that a host covers, by port and subset. Source: Istio, builtAutoPassthroughFilterChains. */
export function sniDnatTargets(scope: Scope, hosts: readonly string[]): readonly SniDnatTarget[] {
  return [...scope.services.values()].flatMap((service) => {
    if (service.external || !hosts.some((host) => hostCovers(host, service.hostname))) return [];
    const subsets = scope.destinationRule(service)?.subsets ?? [];
    return service.ports
      .filter(({ protocol }) => protocol !== 'udp')
      .flatMap(({ number }) => [undefined, ...subsets.map(({ name }) => name)].map((subset) => target(number, subset, service)));
  });
}

function target(port: number, subset: string | undefined, service: Service): SniDnatTarget {
  const { hostname } = service;
  return { name: meshServerName(port, subset, hostname), outbound: outboundClusterName(port, subset, hostname), service };
}

/** The clusters and endpoints behind them, made from the ordinary ones (`resources`) of the same service, port and subset. */
export function sniDnatUnits(targets: readonly SniDnatTarget[], resources: ResourceSet): readonly Unit[] {
  return targets.flatMap(({ name, outbound, service }) => {
    const cluster = resources.get(typeUrls.cluster)?.get(outbound)?.message;
    const assignment = resources.get(typeUrls.endpoint)?.get(outbound)?.message;
    return [
      ...(isMessage(cluster, ClusterSchema) ? [clusterUnit(name, cluster, service)] : []),
      ...(isMessage(assignment, ClusterLoadAssignmentSchema) ? [assignmentUnit(name, assignment)] : []),
    ];
  });
}

/** What passes is encrypted, so that nobody could tell a call without the mesh's mutual TLS: endpoints that would take one get none. */
function isMutual({ metadata }: LbEndpoint): boolean {
  return metadata?.filterMetadata['envoy.transport_socket_match']?.['tlsMode'] === 'istio';
}

function clusterUnit(name: string, ordinary: Cluster, service: Service): Unit {
  const { transportSocket: _transportSocket, ...rest } = clone(ClusterSchema, ordinary);
  const message = create(ClusterSchema, {
    ...rest,
    name,
    transportSocketMatches: [],
    ...(rest.edsClusterConfig !== undefined && { edsClusterConfig: { ...rest.edsClusterConfig, serviceName: name } }),
    ...(rest.loadAssignment !== undefined && { loadAssignment: only(rest.loadAssignment, name) }),
  });
  return makeUnit(typeUrls.cluster, name, ClusterSchema, message, [[{ kind: 'cluster', cluster: name }, service.origin]]);
}

function assignmentUnit(name: string, ordinary: ClusterLoadAssignment): Unit {
  return makeUnit(typeUrls.endpoint, name, ClusterLoadAssignmentSchema, only(clone(ClusterLoadAssignmentSchema, ordinary), name));
}

/** `assignment` under another name, with the endpoints that take mutual TLS. */
function only(assignment: ClusterLoadAssignment, name: string): ClusterLoadAssignment {
  const { $typeName: _typeName, $unknown: _unknown, ...fields } = assignment;
  const endpoints = assignment.endpoints.map((locality) => {
    const lbEndpoints = locality.lbEndpoints.filter(isMutual);
    return { ...locality, lbEndpoints };
  });
  return create(ClusterLoadAssignmentSchema, {
    ...fields,
    clusterName: name,
    endpoints: endpoints.filter(({ lbEndpoints }) => lbEndpoints.length > 0),
  });
}
