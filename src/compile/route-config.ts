// A route configuration from its virtual hosts, with the origin of each route in it.
import { makeUnit, type Unit } from '#compile/unit.ts';
import type { VirtualHostEntry } from '#compile/virtual-host.ts';
import { create } from '#envoy/create.ts';
import { RouteConfigurationSchema } from '#envoy/gen/envoy/config/route/v3/route_pb.js';
import type { NodeOrigin } from '#envoy/origin-table.ts';
import { typeUrls } from '#envoy/type-url.ts';

/** One MiB: the longest body of a directResponse that Istio admits; Envoy's own limit is 4 KiB. */
const maxDirectResponseBodySizeBytes = 1024 * 1024;

export type RouteConfigOptions = {
  /** Match hosts whatever port they carry. Not for tables of several ports, where the port tells services apart. */
  readonly ignorePort: boolean;
};

/** Routes to clusters that are not there yet are fine (validate_clusters off): they answer 503 until the cluster comes. */
export function routeConfig(name: string, hosts: readonly VirtualHostEntry[], options: RouteConfigOptions): Unit {
  const message = create(RouteConfigurationSchema, {
    name,
    virtualHosts: hosts.map((host) => host.virtualHost),
    validateClusters: false,
    ignorePortInHostMatching: options.ignorePort,
    maxDirectResponseBodySizeBytes,
  });
  return makeUnit(typeUrls.route, name, RouteConfigurationSchema, message, () => hosts.flatMap((host) => hostOrigins(name, host)));
}

function hostOrigins(routeConfig: string, host: VirtualHostEntry): readonly NodeOrigin[] {
  const virtualHost = host.virtualHost.name;
  const origins: NodeOrigin[] = host.origin === undefined ? [] : [[{ kind: 'virtualHost', routeConfig, virtualHost }, host.origin]];
  for (const [index, entry] of host.routes.entries()) {
    for (const origin of entry.origins) origins.push([{ kind: 'route', routeConfig, virtualHost, index }, origin]);
    for (const { cluster, origin } of entry.destinations) {
      origins.push([{ kind: 'routeDestination', routeConfig, virtualHost, index, cluster }, origin]);
    }
  }
  return origins;
}
