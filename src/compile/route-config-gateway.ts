// In: the servers that share a port of a gateway. Out: its route configuration `http.8080`: for each host that a server and a virtual
// service have in common, the routes of all virtual services bound to it, in order of precedence.
import type { Origin } from '#base/origin.ts';
import type { Client } from '#compile/client.ts';
import type { CompileCache } from '#compile/compile-cache.ts';
import type { GatewayPort } from '#compile/gateway-server.ts';
import { hostAndPort } from '#compile/names.ts';
import { type RouteEntry, virtualServiceRoutes } from '#compile/route.ts';
import { routeConfig } from '#compile/route-config.ts';
import { isCatchAll } from '#compile/route-match.ts';
import type { Scope } from '#compile/scope.ts';
import type { Unit } from '#compile/unit.ts';
import { type VirtualHostEntry, virtualHost } from '#compile/virtual-host.ts';
import type { GatewayServer } from '#model/gateway.ts';
import { intersectHosts } from '#model/hostname.ts';
import type { VirtualService } from '#model/virtual-service.ts';

/** `http.8080`. */
export function gatewayRouteConfigName(port: number): string {
  return `http.${port}`;
}

type HostRoutes = { readonly host: string; readonly port: number; readonly lists: (readonly RouteEntry[])[]; readonly origin: Origin };

/** Source: Istio, buildGatewayHTTPRouteConfig. */
export function gatewayRouteConfig(scope: Scope, port: GatewayPort, client: Client, cache: CompileCache): Unit {
  const name = gatewayRouteConfigName(port.port);
  const gateways = new Set(port.servers.map(({ gateway }) => `${gateway.namespace}/${gateway.name}`));
  const key = `${name} ${client.shareKey} ${[...gateways].join(' ')}`;
  return scope.once(`gateway routes ${key}`, () => {
    const hosts = collapse(collectHosts(scope, port, client, cache)).map((group) => toVirtualHost(group, cache));
    const all = hosts.length > 0 ? hosts : [blackHoleHost(port, cache)];
    all.sort((a, b) => (a.virtualHost.name < b.virtualHost.name ? -1 : 1));
    return cache.madeOf('gateway route configuration', `${scope.namespace} ${key}`, all, () => routeConfig(name, all, { ignorePort: true }));
  });
}

function collectHosts(scope: Scope, port: GatewayPort, client: Client, cache: CompileCache): readonly HostRoutes[] {
  const byHost = new Map<string, HostRoutes>();
  for (const { gateway, server } of port.servers) {
    const gatewayName = `${gateway.namespace}/${gateway.name}`;
    const context = { port: server.port.number, gateway: gatewayName, client, service: (hostname: string) => scope.services.get(hostname) };
    for (const virtualService of scope.virtualServices(gatewayName)) {
      const common = intersectHosts(
        allowedHosts(server, virtualService),
        virtualService.hosts.map(({ hostname }) => hostname),
      );
      if (common.length === 0) continue;
      const routes = virtualServiceRoutes(virtualService, context, cache);
      if (routes.length === 0) continue;
      for (const host of common) {
        const known = byHost.get(host);
        if (known === undefined) byHost.set(host, { host, port: server.port.number, lists: [routes], origin: virtualService.origin });
        else known.lists.push(routes);
      }
    }
  }
  return [...byHost.values()].sort((a, b) => (a.host < b.host ? -1 : 1));
}

/** The hosts of a server that virtual services of this namespace may bind. */
function allowedHosts(server: GatewayServer, virtualService: VirtualService): readonly string[] {
  return server.hosts.filter(({ namespace }) => namespace === '*' || namespace === virtualService.namespace).map(({ host }) => host);
}

type HostGroup = { readonly first: HostRoutes; readonly domains: string[] };

/** Hosts with the very same routes become one virtual host, named after the first of them, so that the routes are sent once. */
function collapse(hosts: readonly HostRoutes[]): readonly HostGroup[] {
  const groups: HostGroup[] = [];
  const byFirstList = new Map<readonly RouteEntry[] | undefined, HostGroup[]>();
  for (const host of hosts) {
    const candidates = byFirstList.get(host.lists[0]) ?? [];
    const same = candidates.find(
      ({ first }) => first.lists.length === host.lists.length && first.lists.every((list, index) => list === host.lists[index]),
    );
    if (same !== undefined) {
      same.domains.push(host.host);
      continue;
    }
    const group = { first: host, domains: [host.host] };
    groups.push(group);
    byFirstList.set(host.lists[0], [...candidates, group]);
  }
  return groups;
}

/** Routes of several virtual services are joined; those that catch everything go last, so that none hides another's. */
function toVirtualHost({ first, domains }: HostGroup, cache: CompileCache): VirtualHostEntry {
  const name = hostAndPort(first.host, first.port);
  const [only] = first.lists;
  const routes = first.lists.length === 1 && only !== undefined ? only : cache.once('joined routes', first.lists, '', () => join(first.lists));
  return virtualHost(name, domains, routes, first.origin, cache);
}

function join(lists: readonly (readonly RouteEntry[])[]): readonly RouteEntry[] {
  const all = lists.flat();
  return [...all.filter(({ route }) => !isCatchAll(route.match)), ...all.filter(({ route }) => isCatchAll(route.match))];
}

const noRoutes: readonly RouteEntry[] = [];

/** Nobody is bound to the port: 404 for everything. */
function blackHoleHost(port: GatewayPort, cache: CompileCache): VirtualHostEntry {
  const [first] = port.servers;
  const number = first?.server.port.number ?? port.port;
  const origin = first?.server.origin ?? { file: '', line: 0, col: 0 };
  return virtualHost(hostAndPort('blackhole', number), ['*'], noRoutes, origin, cache);
}
