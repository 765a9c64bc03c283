// All resources of one proxy, compiled once, as `decide` reads them: a view of the whole configuration, wherever it came from.
import { isMessage } from '@bufbuild/protobuf';
import { failed, ok, type Result } from '#base/result.ts';
import { compileCluster } from '#decide/cluster.ts';
import type { ClusterEntry, EndpointSet } from '#decide/cluster-entry.ts';
import type { ConfigError } from '#decide/config-error.ts';
import type { FileReader } from '#decide/data-source.ts';
import { compileEndpoints } from '#decide/endpoints.ts';
import type { ListenerEntry } from '#decide/listener-entry.ts';
import { compileListener } from '#decide/listener-table.ts';
import { compileRouteTable, type RouteTable } from '#decide/route-table.ts';
import { ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { ClusterLoadAssignmentSchema } from '#envoy/gen/envoy/config/endpoint/v3/endpoint_pb.js';
import { ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import { RouteConfigurationSchema } from '#envoy/gen/envoy/config/route/v3/route_pb.js';
import type { ResourceSet, XdsResource } from '#envoy/resource.ts';
import { type TypeUrl, typeUrls } from '#envoy/type-url.ts';

/** Each by the resource's name; endpoints by the name that EDS knows them by. */
export type Config = {
  readonly listeners: ReadonlyMap<string, ListenerEntry>;
  readonly routes: ReadonlyMap<string, RouteTable>;
  readonly clusters: ReadonlyMap<string, ClusterEntry>;
  readonly endpoints: ReadonlyMap<string, EndpointSet>;
};

/** The errors of all resources together; on success every resource is in force. */
export function compileConfig(resources: ResourceSet, readFile?: FileReader): Result<Config, readonly ConfigError[]> {
  const errors: ConfigError[] = [];
  const collect = <Entry>(
    typeUrl: TypeUrl,
    compile: (resource: XdsResource) => Result<Entry, readonly ConfigError[]> | undefined,
  ): Map<string, Entry> => {
    const entries = new Map<string, Entry>();
    for (const [name, resource] of resources.get(typeUrl) ?? []) {
      const entry = compile(resource);
      if (entry?.ok === true) entries.set(name, entry.value);
      else errors.push(...(entry?.error ?? [{ resource: name, field: '', message: `is not of type ${typeUrl}` }]));
    }
    return entries;
  };
  const config: Config = {
    listeners: collect(typeUrls.listener, ({ message }) => (isMessage(message, ListenerSchema) ? compileListener(message, readFile) : undefined)),
    routes: collect(typeUrls.route, ({ message }) =>
      isMessage(message, RouteConfigurationSchema) ? compileRouteTable(message, readFile) : undefined,
    ),
    clusters: collect(typeUrls.cluster, ({ message }) => (isMessage(message, ClusterSchema) ? compileCluster(message) : undefined)),
    endpoints: collect(typeUrls.endpoint, ({ message }) => (isMessage(message, ClusterLoadAssignmentSchema) ? compileEndpoints(message) : undefined)),
  };
  return errors.length > 0 ? failed(errors) : ok(config);
}
