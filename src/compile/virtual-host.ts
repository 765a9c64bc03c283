// Virtual hosts from routes, and the two that end every outbound table. Shared by identity as long as name, domains and routes are the same.
import type { Origin } from '#base/origin.ts';
import type { CompileCache } from '#compile/compile-cache.ts';
import { noTimeout } from '#compile/durations.ts';
import { unknownHttpTarget } from '#compile/outbound-policy.ts';
import type { RouteEntry } from '#compile/route.ts';
import { routeMatch } from '#compile/route-match.ts';
import { create } from '#envoy/create.ts';
import { RouteSchema, type VirtualHost, VirtualHostSchema } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import type { OutboundPolicy } from '#model/sidecar.ts';

/** A virtual host with what its routes were made of, for the origin table of the route configuration it goes into. */
export type VirtualHostEntry = {
  readonly virtualHost: VirtualHost;
  readonly routes: readonly RouteEntry[];
  /** The VirtualService or Service it is there for. */
  readonly origin: Origin | undefined;
};

/** Remembers by the identity of the route list. */
export function virtualHost(
  name: string,
  domains: readonly string[],
  routes: readonly RouteEntry[],
  origin: Origin,
  cache: CompileCache,
): VirtualHostEntry {
  return cache.once('virtual host', [routes, origin], `${name} ${domains.join(' ')}`, () => ({
    virtualHost: create(VirtualHostSchema, {
      name,
      domains: [...domains],
      routes: routes.map(({ route }) => route),
      includeRequestAttemptCount: true,
    }),
    routes,
    origin,
  }));
}

const catchAllNames = { ALLOW_ANY: 'allow_any', ALLOW_ANY_DYNAMIC_DNS: 'allow_any_dynamic_dns', REGISTRY_ONLY: 'block_all' } as const;

/** What happens to hosts that are not known: the Sidecar's outboundTrafficPolicy, else that of MeshConfig. */
export function catchAllVirtualHost(policy: OutboundPolicy, cache: CompileCache): VirtualHostEntry {
  const isOpen = policy.mode !== 'REGISTRY_ONLY';
  const cluster = unknownHttpTarget(policy);
  return cache.once('catch-all virtual host', [], `${policy.mode} ${cluster}`, () => {
    const name = catchAllNames[policy.mode];
    const route = create(RouteSchema, {
      name,
      match: routeMatch(undefined),
      action: isOpen
        ? {
            case: 'route',
            value: { clusterSpecifier: { case: 'cluster', value: cluster }, timeout: noTimeout(), maxGrpcTimeout: noTimeout() },
          }
        : { case: 'directResponse', value: { status: 502 } },
    });
    const message = create(VirtualHostSchema, { name, domains: ['*'], routes: [route], includeRequestAttemptCount: true });
    return { virtualHost: message, routes: [{ route, origins: [], destinations: [] }], origin: undefined };
  });
}
