// Makes what a proxy is told runnable on 127.0.0.1 without redirection: only addresses change. Listeners that calls arrive at bind free
// ports (the others go), each endpoint becomes a backend of its own, and clusters that pass through or ask DNS get one backend, too. Nobody logs.
import { clone, create, isMessage } from '@bufbuild/protobuf';
import { type Any, anyPack } from '@bufbuild/protobuf/wkt';
import { unpackExtension } from '#decide/extension.ts';
import { Cluster_DiscoveryType, Cluster_LbPolicy, ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { AddressSchema } from '#envoy/gen/envoy/config/core/v3/address_pb.js';
import { ClusterLoadAssignmentSchema } from '#envoy/gen/envoy/config/endpoint/v3/endpoint_pb.js';
import { ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import { HttpConnectionManagerSchema } from '#envoy/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { TcpProxySchema } from '#envoy/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import { type ResourceSet, XdsResource } from '#envoy/resource.ts';
import { typeUrls } from '#envoy/type-url.ts';
import type { Backends } from '#test/calls/backends.ts';

/** Endpoint key → port of its backend, per cluster: backends are the same for both data planes. */
export type BackendPorts = ReadonlyMap<string, ReadonlyMap<string, number>>;

export const passthroughEndpoint = 'the original destination';

/** `backends` start one server for an endpoint of a cluster, and give its port. */
export async function startBackends(resources: ResourceSet, backends: Pick<Backends, 'start'>): Promise<BackendPorts> {
  const ports = new Map<string, Map<string, number>>();
  for (const { name, message } of resources.get(typeUrls.endpoint)?.values() ?? []) {
    if (!isMessage(message, ClusterLoadAssignmentSchema)) continue;
    const ofCluster = new Map<string, number>();
    for (const { lbEndpoints } of message.endpoints) {
      for (const key of lbEndpoints.map(keyOf)) ofCluster.set(key, await backends.start(name, key));
    }
    ports.set(name, ofCluster);
  }
  for (const { name, message } of resources.get(typeUrls.cluster)?.values() ?? []) {
    if (leadsElsewhere(message)) ports.set(name, new Map([[passthroughEndpoint, await backends.start(name, passthroughEndpoint)]]));
  }
  return ports;
}

/** `listenerPorts`: listener name → the port it binds; listeners that are not in it are left out. */
export function onLoopback(resources: ResourceSet, listenerPorts: ReadonlyMap<string, number>, backendPorts: BackendPorts): readonly XdsResource[] {
  return [...resources.values()].flatMap((ofType) =>
    [...ofType.values()].flatMap((resource): XdsResource[] => {
      const { name, message } = resource;
      if (isMessage(message, ListenerSchema)) {
        const port = listenerPorts.get(name);
        return port === undefined ? [] : [boundListener(resource, port)];
      }
      if (isMessage(message, ClusterLoadAssignmentSchema)) return [assignmentTo(resource, backendPorts.get(name) ?? new Map<string, number>())];
      const port = leadsElsewhere(message) ? backendPorts.get(name)?.get(passthroughEndpoint) : undefined;
      return [port === undefined ? resource : staticCluster(resource, port)];
    }),
  );
}

function boundListener({ name, message }: XdsResource, port: number): XdsResource {
  if (!isMessage(message, ListenerSchema)) throw new Error(`${name} is no listener`);
  const listener = clone(ListenerSchema, message);
  listener.address = address(port);
  delete listener.bindToPort;
  delete listener.useOriginalDst;
  listener.listenerFilters = listener.listenerFilters.filter((filter) => !filter.name.includes('original_dst'));
  listener.accessLog = [];
  for (const { filters } of [...listener.filterChains, ...(listener.defaultFilterChain === undefined ? [] : [listener.defaultFilterChain])]) {
    for (const { configType } of filters) if (configType.case === 'typedConfig') configType.value = withoutAccessLog(configType.value);
  }
  return new XdsResource(typeUrls.listener, name, ListenerSchema, listener);
}

function withoutAccessLog(any: Any): Any {
  const filter = unpackExtension(any);
  if (filter === undefined) return any;
  if (isMessage(filter, HttpConnectionManagerSchema)) return anyPack(HttpConnectionManagerSchema, { ...filter, accessLog: [] });
  return isMessage(filter, TcpProxySchema) ? anyPack(TcpProxySchema, { ...filter, accessLog: [] }) : any;
}

function assignmentTo({ name, message }: XdsResource, ports: ReadonlyMap<string, number>): XdsResource {
  if (!isMessage(message, ClusterLoadAssignmentSchema)) throw new Error(`${name} is no assignment`);
  const assignment = clone(ClusterLoadAssignmentSchema, message);
  for (const { lbEndpoints } of assignment.endpoints) {
    for (const endpoint of lbEndpoints) {
      const port = ports.get(keyOf(endpoint));
      if (endpoint.hostIdentifier.case === 'endpoint' && port !== undefined) endpoint.hostIdentifier.value.address = address(port);
    }
  }
  return new XdsResource(typeUrls.endpoint, name, ClusterLoadAssignmentSchema, assignment);
}

function staticCluster({ name, message }: XdsResource, port: number): XdsResource {
  if (!isMessage(message, ClusterSchema)) throw new Error(`${name} is no cluster`);
  const cluster = clone(ClusterSchema, message);
  cluster.clusterDiscoveryType = { case: 'type', value: Cluster_DiscoveryType.STATIC };
  cluster.lbPolicy = Cluster_LbPolicy.ROUND_ROBIN;
  cluster.lbConfig = { case: undefined };
  const lbEndpoint = { hostIdentifier: { case: 'endpoint' as const, value: { address: address(port) } } };
  cluster.loadAssignment = create(ClusterLoadAssignmentSchema, { clusterName: name, endpoints: [{ lbEndpoints: [lbEndpoint] }] });
  return new XdsResource(typeUrls.cluster, name, ClusterSchema, cluster);
}

const elsewhere: readonly unknown[] = [Cluster_DiscoveryType.ORIGINAL_DST, Cluster_DiscoveryType.STRICT_DNS, Cluster_DiscoveryType.LOGICAL_DNS];

function leadsElsewhere(message: XdsResource['message']): boolean {
  if (!isMessage(message, ClusterSchema)) return false;
  // A type of its own is a dynamic forward proxy.
  return message.clusterDiscoveryType.case === 'clusterType' || elsewhere.includes(message.clusterDiscoveryType.value);
}

function keyOf({ hostIdentifier }: { readonly hostIdentifier: { readonly case?: string | undefined; readonly value?: unknown } }): string {
  const endpoint = hostIdentifier.case === 'endpoint' ? (hostIdentifier.value as Parameters<typeof socketOf>[0]) : undefined; // the oneof's own type
  const socket = endpoint === undefined ? undefined : socketOf(endpoint);
  return socket === undefined ? '' : `${socket.address}:${String(socket.portSpecifier.value)}`;
}

function socketOf({ address: holder }: { readonly address?: ReturnType<typeof address> | undefined }) {
  return holder?.address.case === 'socketAddress' ? holder.address.value : undefined;
}

function address(port: number) {
  return create(AddressSchema, {
    address: { case: 'socketAddress', value: { address: '127.0.0.1', portSpecifier: { case: 'portValue', value: port } } },
  });
}
