// In: the servers that share a table of routes. Out: the table: for each host that a server and a virtual service have in common, the routes
// of all virtual services bound to it, in order of precedence; redirects to https; 404 for all where nothing is bound.
import type { Origin } from '#base/origin.ts';
import type { Client } from '#compile/client.ts';
import type { CompileCache } from '#compile/compile-cache.ts';
import { routeContext } from '#compile/destination.ts';
import type { BoundServer } from '#compile/gateway-server.ts';
import { boundVirtualServices } from '#compile/gateway-virtual-services.ts';
import { hostAndPort } from '#compile/names.ts';
import { type RouteEntry, virtualServiceRoutes } from '#compile/route.ts';
import { routeConfig } from '#compile/route-config.ts';
import { isCatchAll } from '#compile/route-match.ts';
import type { Scope } from '#compile/scope.ts';
import type { Unit } from '#compile/unit.ts';
import { type VirtualHostEntry, virtualHost } from '#compile/virtual-host.ts';
import { create } from '#envoy/create.ts';
import { VirtualHost_TlsRequirementType, VirtualHostSchema } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import type { GatewayServer } from '#model/gateway.ts';
import { commonHost } from '#model/hostname.ts';
import type { VirtualService } from '#model/virtual-service.ts';

type HostRoutes = {
  readonly host: string;
  readonly port: number;
  /** Of each virtual service, in order. */
  readonly lists: (readonly RouteEntry[])[];
  /** Plain HTTP for it is answered with 301 to https. */
  redirects: boolean;
  readonly origin: Origin;
};

/** Source: Istio, buildGatewayHTTPRouteConfig. */
export function gatewayRouteConfig(scope: Scope, name: string, servers: readonly BoundServer[], client: Client, cache: CompileCache): Unit {
  const places = servers.map(({ gateway, server }) => `${gateway.namespace}/${gateway.name}#${gateway.servers.indexOf(server)}`);
  const key = `${name} ${client.shareKey} ${places.join(' ')}`;
  return scope.once(`gateway routes ${key}`, () => {
    const bound = servers.flatMap(({ gateway, server }) => [server, ...boundVirtualServices(scope, `${gateway.namespace}/${gateway.name}`)]);
    return cache.madeOf('gateway routes', `${scope.key} ${key}`, [scope.destinations(client), ...bound], () =>
      makeConfig(scope, name, servers, key, client, cache),
    );
  });
}

function makeConfig(scope: Scope, name: string, servers: readonly BoundServer[], key: string, client: Client, cache: CompileCache): Unit {
  const hosts = collapse(collectHosts(scope, servers, client, cache)).map((group) => toVirtualHost(group, `${scope.namespace} ${key}`, cache));
  const all = hosts.length > 0 ? hosts : blackHoleHosts(servers, cache);
  all.sort((a, b) => (a.virtualHost.name < b.virtualHost.name ? -1 : 1));
  return cache.madeOf('gateway route configuration', `${scope.namespace} ${key}`, all, () => routeConfig(name, all, { ignorePort: true }));
}

function collectHosts(scope: Scope, servers: readonly BoundServer[], client: Client, cache: CompileCache): readonly HostRoutes[] {
  const byHost = new Map<string, HostRoutes>();
  // A virtual service's routes are those for the first port of a Gateway that it is bound to in this table, as in Istio.
  const made = new Map<string, Map<VirtualService, readonly RouteEntry[]>>();
  for (const { gateway, server } of servers) {
    const gatewayName = `${gateway.namespace}/${gateway.name}`;
    const ofGateway = made.get(gatewayName) ?? new Map<VirtualService, readonly RouteEntry[]>();
    made.set(gatewayName, ofGateway);
    const redirects = server.tls?.httpsRedirect === true;
    const context = routeContext(scope, { port: server.port.number, gateway: gatewayName, client, isTls: server.tls !== undefined });
    for (const virtualService of boundVirtualServices(scope, gatewayName)) {
      const common = commonHosts(server, virtualService);
      if (common.length === 0) continue;
      const routes = ofGateway.get(virtualService) ?? virtualServiceRoutes(virtualService, context, cache);
      ofGateway.set(virtualService, routes);
      if (routes.length === 0) continue;
      const { origin } = virtualService;
      for (const host of common) addRoutes(byHost, host, { port: server.port.number, routes, redirects, origin });
    }
    if (redirects) for (const { host } of server.hosts) addRedirect(byHost, host, server);
  }
  return [...byHost.values()].sort((a, b) => (a.host < b.host ? -1 : 1));
}

type AddedRoutes = Pick<HostRoutes, 'port' | 'redirects' | 'origin'> & { readonly routes: readonly RouteEntry[] };

function addRoutes(byHost: Map<string, HostRoutes>, host: string, { port, routes, redirects, origin }: AddedRoutes): void {
  const known = byHost.get(host);
  if (known === undefined) {
    byHost.set(host, { host, port, lists: [routes], redirects, origin });
    return;
  }
  known.lists.push(routes);
  known.redirects ||= redirects;
}

/** A host of a redirecting server redirects, whether a virtual service has it or not. Differs from Istio: also hosts with a namespace. */
function addRedirect(byHost: Map<string, HostRoutes>, host: string, server: GatewayServer): void {
  const known = byHost.get(host);
  if (known === undefined) byHost.set(host, { host, port: server.port.number, lists: [], redirects: true, origin: server.origin });
  else known.redirects = true;
}

/** The hosts of a server that the virtual service may and does bind. */
function commonHosts(server: GatewayServer, virtualService: VirtualService): readonly string[] {
  const common = new Set<string>();
  for (const { namespace, host } of server.hosts) {
    if (namespace !== '*' && namespace !== virtualService.namespace) continue;
    for (const { hostname } of virtualService.hosts) {
      const both = commonHost(host, hostname);
      if (both !== undefined) common.add(both);
    }
  }
  return [...common];
}

type HostGroup = { readonly first: HostRoutes; readonly lists: readonly (readonly RouteEntry[])[]; readonly domains: string[] };

/** Hosts with the very same routes become one virtual host, named after the first of them, so that the routes are sent once. */
function collapse(hosts: readonly HostRoutes[]): readonly HostGroup[] {
  const groups: HostGroup[] = [];
  const byFirstList = new Map<readonly RouteEntry[] | undefined, HostGroup[]>();
  for (const host of hosts) {
    // What a list does not match the first time it does not match the second.
    const lists = host.lists.length > 1 ? [...new Set(host.lists)] : host.lists;
    const candidates = byFirstList.get(lists[0]);
    const same = candidates?.find((group) => isAlike(group, host, lists));
    if (same !== undefined) {
      same.domains.push(host.host);
      continue;
    }
    const group = { first: host, lists, domains: [host.host] };
    groups.push(group);
    if (candidates === undefined) byFirstList.set(lists[0], [group]);
    else candidates.push(group);
  }
  return groups;
}

function isAlike({ first, lists }: HostGroup, host: HostRoutes, ofHost: HostGroup['lists']): boolean {
  return first.redirects === host.redirects && lists.length === ofHost.length && lists.every((list, index) => list === ofHost[index]);
}

/** Routes of several virtual services are joined; those that catch everything go last, so that none hides another's. */
function toVirtualHost({ first, lists, domains }: HostGroup, table: string, cache: CompileCache): VirtualHostEntry {
  const name = hostAndPort(first.host, first.port);
  const [only] = lists;
  const routes = lists.length === 1 && only !== undefined ? only : cache.madeOf('joined routes', `${table} ${name}`, lists, () => join(lists));
  const entry = virtualHost(name, domains, routes, first.origin, cache);
  return first.redirects ? cache.once('redirecting virtual host', [entry], '', () => redirecting(entry)) : entry;
}

/** Whatever comes without TLS is answered with 301 to https. */
function redirecting(entry: VirtualHostEntry): VirtualHostEntry {
  const { name, domains, routes, includeRequestAttemptCount } = entry.virtualHost;
  const fields = { name, domains, routes, includeRequestAttemptCount, requireTls: VirtualHost_TlsRequirementType.ALL };
  return { ...entry, virtualHost: create(VirtualHostSchema, fields) };
}

/** A list ends where it catches everything (`virtualServiceRoutes`), so that only its last route can be such. */
function join(lists: readonly (readonly RouteEntry[])[]): readonly RouteEntry[] {
  const catchingAll = lists.flatMap((list) => list.slice(-1)).filter(({ route }) => isCatchAll(route.match));
  const last = new Set(catchingAll);
  return [...lists.flatMap((list) => list.filter((entry) => !last.has(entry))), ...catchingAll];
}

const noRoutes: readonly RouteEntry[] = [];

/** Nobody is bound: 404 for everything. */
function blackHoleHosts(servers: readonly BoundServer[], cache: CompileCache): VirtualHostEntry[] {
  return servers.slice(0, 1).map(({ server }) => {
    const name = hostAndPort('blackhole', server.port.number);
    return virtualHost(name, ['*'], noRoutes, server.origin, cache);
  });
}
