// In: the servers that share a table of routes. Out: the table: for each host that a server and a virtual service have in common, the routes
// of all virtual services bound to it, in order of precedence; redirects to https; 404 for all where nothing is bound.
import type { Origin } from '#base/origin.ts';
import type { Client } from '#compile/client.ts';
import type { CompileCache } from '#compile/compile-cache.ts';
import { RouteContext } from '#compile/destination.ts';
import type { BoundServer, RouteTable } from '#compile/gateway-server.ts';
import { hostAndPort } from '#compile/names.ts';
import { type RouteEntry, virtualServiceRoutes } from '#compile/route.ts';
import { routeConfig } from '#compile/route-config.ts';
import { isCatchAll } from '#compile/route-match.ts';
import type { Scope } from '#compile/scope.ts';
import type { Unit } from '#compile/unit.ts';
import { type VirtualHostEntry, virtualHost } from '#compile/virtual-host.ts';
import { create } from '#envoy/create.ts';
import { VirtualHost_TlsRequirementType, VirtualHostSchema } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import type { Gateway, GatewayServer } from '#model/gateway.ts';
import { commonHost } from '#model/hostname.ts';
import type { VirtualService } from '#model/virtual-service.ts';

type HostRoutes = {
  readonly host: string;
  readonly port: number;
  /** Of each virtual service, in order. Hosts that come from one virtual service alone have the same object. */
  lists: readonly (readonly RouteEntry[])[];
  /** Plain HTTP for it is answered with 301 to https. */
  redirects: boolean;
  readonly origin: Origin;
};

/** Source: Istio, buildGatewayHTTPRouteConfig. */
export function gatewayRouteConfig(scope: Scope, table: RouteTable, client: Client, cache: CompileCache): Unit {
  const key = `${scope.key} ${table.name} ${client.shareKey} ${table.places}`;
  const parts: object[] = [scope.destinations(client)];
  for (const { gatewayName, server } of table.servers) {
    parts.push(server);
    for (const virtualService of scope.virtualServices(gatewayName)) parts.push(virtualService);
  }
  return cache.madeOf('gateway routes', key, parts, () => makeConfig(scope, table, key, client, cache));
}

function makeConfig(scope: Scope, { name, servers }: RouteTable, key: string, client: Client, cache: CompileCache): Unit {
  const hosts = collapse(collectHosts(scope, servers, client, cache)).map((group) => toVirtualHost(group, key, cache));
  const all = hosts.length > 0 ? hosts : blackHoleHosts(servers, cache);
  if (all.length > 1) all.sort((a, b) => (a.virtualHost.name < b.virtualHost.name ? -1 : 1));
  return cache.madeOf('gateway route configuration', key, all, () => routeConfig(name, all, { ignorePort: true }));
}

function collectHosts(scope: Scope, servers: readonly BoundServer[], client: Client, cache: CompileCache): readonly HostRoutes[] {
  const byHost = new Map<string, HostRoutes>();
  const contexts = new FirstContexts(servers);
  for (const [index, { gatewayName, server }] of servers.entries()) {
    const redirects = server.tls?.httpsRedirect === true;
    const port = server.port.number;
    const own = new RouteContext(scope, client, { port, gateway: gatewayName, isTls: server.tls !== undefined });
    for (const virtualService of scope.virtualServices(gatewayName)) {
      const common = commonHosts(server, virtualService);
      if (common.length === 0) continue;
      const routes = virtualServiceRoutes(virtualService, contexts.of(index, virtualService, own), cache);
      if (routes.length === 0) continue;
      const lists = [routes];
      for (const host of common) {
        const known = byHost.get(host);
        if (known === undefined) byHost.set(host, { host, port, lists, redirects, origin: virtualService.origin });
        else {
          known.lists = [...known.lists, routes];
          known.redirects ||= redirects;
        }
      }
    }
    if (redirects) for (const { host } of server.hosts) addRedirect(byHost, host, server);
  }
  return inOrder([...byHost.values()]);
}

/** By name. Mostly there are few, written in order. */
function inOrder(hosts: HostRoutes[]): readonly HostRoutes[] {
  return hosts.every(({ host }, index) => index === 0 || (hosts[index - 1]?.host ?? '') < host)
    ? hosts
    : hosts.sort((a, b) => (a.host < b.host ? -1 : 1));
}

/**
 * A virtual service's routes are those for the first server of a Gateway that it has hosts in common with in this table, as in Istio. The servers of a
 * Gateway stand side by side in it; mostly there is one.
 */
class FirstContexts {
  readonly #servers: readonly BoundServer[];
  #gateway: Gateway | undefined;
  #contexts: Map<VirtualService, RouteContext> | undefined;

  constructor(servers: readonly BoundServer[]) {
    this.#servers = servers;
  }

  /** `own`: that of the server at the index. */
  of(index: number, virtualService: VirtualService, own: RouteContext): RouteContext {
    const gateway = this.#servers[index]?.gateway;
    if (this.#servers[index - 1]?.gateway !== gateway && this.#servers[index + 1]?.gateway !== gateway) return own;
    if (this.#contexts === undefined || this.#gateway !== gateway) this.#contexts = new Map();
    this.#gateway = gateway;
    const first = this.#contexts.get(virtualService) ?? own;
    this.#contexts.set(virtualService, first);
    return first;
  }
}

/** A host of a redirecting server redirects, whether a virtual service has it or not. Differs from Istio: also hosts with a namespace. */
function addRedirect(byHost: Map<string, HostRoutes>, host: string, server: GatewayServer): void {
  const known = byHost.get(host);
  if (known === undefined) byHost.set(host, { host, port: server.port.number, lists: [], redirects: true, origin: server.origin });
  else known.redirects = true;
}

/** The hosts of a server that the virtual service may and does bind. */
function commonHosts(server: GatewayServer, virtualService: VirtualService): readonly string[] {
  const common: string[] = [];
  for (const { namespace, host } of server.hosts) {
    if (namespace !== '*' && namespace !== virtualService.namespace) continue;
    for (const { hostname } of virtualService.hosts) {
      const both = commonHost(host, hostname);
      if (both !== undefined && !common.includes(both)) common.push(both);
    }
  }
  return common;
}

type HostGroup = { readonly first: HostRoutes; readonly lists: readonly (readonly RouteEntry[])[]; readonly domains: string[] };

/** Hosts with the very same routes become one virtual host, named after the first of them, so that the routes are sent once. */
function collapse(hosts: readonly HostRoutes[]): readonly HostGroup[] {
  const groups: HostGroup[] = [];
  const byFirstList = new Map<readonly RouteEntry[] | undefined, HostGroup[]>();
  for (const host of hosts) {
    // What a list does not match the first time it does not match the second.
    const lists = host.lists.length > 1 ? [...new Set(host.lists)] : host.lists;
    const last = groups.at(-1);
    // The hosts of one virtual service mostly stand side by side.
    if (last !== undefined && isAlike(last, host, lists)) {
      last.domains.push(host.host);
      continue;
    }
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
  if (first.redirects !== host.redirects) return false;
  return lists === ofHost || (lists.length === ofHost.length && lists.every((list, index) => list === ofHost[index]));
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
