// EnvoyFilter patches on route configurations, virtual hosts and routes: which are meant, and the patch.
// Source: Istio, EnvoyFilter.RouteConfigurationMatch.
import { clone } from '@bufbuild/protobuf';
import { isMerge, patchList } from '#compile/envoy-filter-list.ts';
import { isForContext, type Patching, type ResourceContext } from '#compile/envoy-filter-patch.ts';
import { type Route, RouteSchema, type VirtualHost, VirtualHostSchema } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import { type RouteConfiguration, RouteConfigurationSchema } from '#envoy/gen/envoy/config/route/v3/route_pb.js';
import type { EnvoyPatch } from '#model/envoy-filter.ts';

export function isRoutePatch({ applyTo }: EnvoyPatch): boolean {
  return applyTo === 'ROUTE_CONFIGURATION' || applyTo === 'VIRTUAL_HOST' || applyTo === 'HTTP_ROUTE';
}

/** Whether the patch may have something to do with this route configuration. */
export function concernsRoutes(patch: EnvoyPatch, config: RouteConfiguration, context: ResourceContext): boolean {
  if (!isRoutePatch(patch) || !isForContext(patch, context)) return false;
  const { routeConfiguration: match } = patch;
  if (match === undefined) return true;
  if (match.name !== undefined && match.name !== config.name) return false;
  if (match.port !== undefined && !portsOf(config).has(match.port)) return false;
  if (context !== 'gateway') return true;
  // https.<port>.<port name>.<gateway>.<namespace>; the servers of plain HTTP share one table, which names none of them.
  const [kind, , portName, gateway, namespace] = config.name.split('.');
  if (kind !== 'https') return true;
  if (match.portName !== undefined && match.portName !== portName) return false;
  return match.gateway === undefined || match.gateway === `${namespace}/${gateway}`;
}

/** `80`, `hello…:80`, `http.8080`, `https.443.…`, `inbound|8080||`; for a gateway also the ports of its servers, which its virtual hosts name. */
function portsOf({ name, virtualHosts }: RouteConfiguration): ReadonlySet<number> {
  const own = [/^(\d+)$/, /:(\d+)$/, /^https?\.(\d+)/, /^inbound\|(\d+)\|/].map((pattern) => pattern.exec(name)?.[1]);
  const hosts = virtualHosts.map((host) => /:(\d+)$|^inbound\|http\|(\d+)$/.exec(host.name)?.slice(1).find(Boolean));
  return new Set([...own, ...hosts].flatMap((port) => (port === undefined ? [] : [Number(port)])));
}

/** A patched copy. */
export function patchRoutes(config: RouteConfiguration, patching: Patching): RouteConfiguration {
  let patched = clone(RouteConfigurationSchema, config);
  for (const patch of patching.of('ROUTE_CONFIGURATION')) {
    if (!isMerge(patch)) continue;
    patched = patching.merge(RouteConfigurationSchema, patched, patch);
    patching.touch(patch);
  }
  patchList(patched.virtualHosts, patching.of('VIRTUAL_HOST'), {
    matches: isVirtualHost,
    namesItem: ({ routeConfiguration }) => routeConfiguration?.virtualHost !== undefined,
    make: (patch) => patching.read(VirtualHostSchema, patch),
    merge: (host, patch) => patching.merge(VirtualHostSchema, host, patch),
    touched: patching.touch,
  });
  for (const host of patched.virtualHosts) {
    patchList(
      host.routes,
      patching.of('HTTP_ROUTE').filter((patch) => isVirtualHost(host, patch)),
      {
        matches: isRoute,
        namesItem: ({ routeConfiguration }) => routeConfiguration?.route !== undefined,
        make: (patch) => patching.read(RouteSchema, patch),
        merge: (route, patch) => patching.merge(RouteSchema, route, patch),
        touched: patching.touch,
      },
    );
  }
  return patched;
}

function isVirtualHost(host: VirtualHost, { routeConfiguration }: EnvoyPatch): boolean {
  const match = routeConfiguration?.virtualHost;
  if (match?.name !== undefined && match.name !== host.name) return false;
  return match?.domain === undefined || host.domains.includes(match.domain);
}

const actions: Readonly<Record<string, Route['action']['case']>> = { ROUTE: 'route', REDIRECT: 'redirect', DIRECT_RESPONSE: 'directResponse' };

function isRoute(route: Route, { routeConfiguration }: EnvoyPatch): boolean {
  const match = routeConfiguration?.route;
  if (match?.name !== undefined && match.name !== route.name) return false;
  return match === undefined || match.action === 'ANY' || actions[match.action] === route.action.case;
}
