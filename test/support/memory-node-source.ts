// Hand-made xDS for tests: a node source whose resources a test sets, and short builders for resources that Envoy accepts.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { anyPack, DurationSchema } from '@bufbuild/protobuf/wkt';
import { failed, ok, type Result } from '#base/result.ts';
import { Cluster_DiscoveryType, ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { AddressSchema } from '#envoy/gen/envoy/config/core/v3/address_pb.js';
import { ClusterLoadAssignmentSchema } from '#envoy/gen/envoy/config/endpoint/v3/endpoint_pb.js';
import { FilterSchema } from '#envoy/gen/envoy/config/listener/v3/listener_components_pb.js';
import { ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import { RouteMatchSchema, WeightedCluster_ClusterWeightSchema } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import { RouteConfigurationSchema } from '#envoy/gen/envoy/config/route/v3/route_pb.js';
import { RouterSchema } from '#envoy/gen/envoy/extensions/filters/http/router/v3/router_pb.js';
import { HttpConnectionManagerSchema } from '#envoy/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { type ResourceSet, XdsResource } from '#envoy/resource.ts';
import { type TypeUrl, typeUrls } from '#envoy/type-url.ts';
import type { NodeSource } from '#xds/node-source.ts';

/** The same resources for every node. Resources that keep their content keep their identity. */
export class MemoryNodeSource implements NodeSource {
  readonly #listeners = new Set<() => void>();
  #set = new Map<TypeUrl, ReadonlyMap<string, XdsResource>>();
  refusal: string | undefined;

  /** Replaces everything, and tells. Types whose resources are all the same objects keep their map. */
  replace(resources: readonly XdsResource[]): void {
    const next = new Map<TypeUrl, Map<string, XdsResource>>();
    for (const resource of resources) {
      const type = next.get(resource.typeUrl) ?? new Map<string, XdsResource>();
      type.set(resource.name, resource);
      next.set(resource.typeUrl, type);
    }
    this.#set = next;
    for (const listener of this.#listeners) listener();
  }

  resourcesFor(): Result<ResourceSet, string> {
    return this.refusal === undefined ? ok(this.#set) : failed(this.refusal);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

const ads = { configSourceSpecifier: { case: 'ads', value: {} }, resourceApiVersion: 2 } as const;

/** An EDS cluster; `connectTimeoutMs` is there to be changed. */
export function cluster(name: string, connectTimeoutMs = 1000): XdsResource {
  const message = create(ClusterSchema, {
    name,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: { edsConfig: ads },
    connectTimeout: create(DurationSchema, { seconds: BigInt(Math.floor(connectTimeoutMs / 1000)), nanos: (connectTimeoutMs % 1000) * 1_000_000 }),
  });
  return new XdsResource(typeUrls.cluster, name, ClusterSchema, message);
}

/** Endpoints on 127.0.0.1. */
export function endpoints(clusterName: string, ports: readonly number[]): XdsResource {
  const lbEndpoints = ports.map((port) => ({
    hostIdentifier: { case: 'endpoint' as const, value: { address: socketAddress(port) } },
  }));
  const message = create(ClusterLoadAssignmentSchema, { clusterName, endpoints: [{ lbEndpoints }] });
  return new XdsResource(typeUrls.endpoint, clusterName, ClusterLoadAssignmentSchema, message);
}

/** A listener on 127.0.0.1 that takes its routes from RDS. */
export function listener(name: string, port: number, routeName: string, extra: MessageInitShape<typeof ListenerSchema> = {}): XdsResource {
  const manager = create(HttpConnectionManagerSchema, {
    statPrefix: name,
    routeSpecifier: { case: 'rds', value: { routeConfigName: routeName, configSource: ads } },
    httpFilters: [{ name: 'envoy.filters.http.router', configType: { case: 'typedConfig', value: anyPack(RouterSchema, create(RouterSchema)) } }],
  });
  const filter = create(FilterSchema, {
    name: 'envoy.filters.network.http_connection_manager',
    configType: { case: 'typedConfig', value: anyPack(HttpConnectionManagerSchema, manager) },
  });
  const message = create(ListenerSchema, { name, address: socketAddress(port), filterChains: [{ filters: [filter] }], ...extra });
  return new XdsResource(typeUrls.listener, name, ListenerSchema, message);
}

/** One virtual host for every host, with weights per cluster. */
export function routes(name: string, weights: Readonly<Record<string, number>>): XdsResource {
  const clusters = Object.entries(weights).map(([clusterName, weight]) => create(WeightedCluster_ClusterWeightSchema, { name: clusterName, weight }));
  const message = create(RouteConfigurationSchema, {
    name,
    virtualHosts: [
      {
        name: 'all',
        domains: ['*'],
        routes: [
          {
            match: create(RouteMatchSchema, { pathSpecifier: { case: 'prefix', value: '/' } }),
            action: { case: 'route', value: { clusterSpecifier: { case: 'weightedClusters', value: { clusters } } } },
          },
        ],
      },
    ],
  });
  return new XdsResource(typeUrls.route, name, RouteConfigurationSchema, message);
}

function socketAddress(port: number) {
  const value = { address: '127.0.0.1', portSpecifier: { case: 'portValue' as const, value: port } };
  return create(AddressSchema, { address: { case: 'socketAddress', value } });
}
