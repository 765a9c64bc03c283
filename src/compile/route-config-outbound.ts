// In: what a namespace sees. Out: the route configurations of sidecars' outbound listeners: by port (`80`), for one service
// (`hello.default.svc.cluster.local:80`), and for the HTTP proxy port (`http_proxy`).

import type { Origin } from '#base/origin.ts';
import type { Client } from '#compile/client.ts';
import type { CompileCache } from '#compile/compile-cache.ts';
import { routeContext } from '#compile/destination.ts';
import { type ServiceDomains, serviceDomains } from '#compile/domains.ts';
import { hostAndPort, httpProxyRouteConfig } from '#compile/names.ts';
import { defaultRoutes, type RouteEntry, virtualServiceRoutes } from '#compile/route.ts';
import { routeConfig } from '#compile/route-config.ts';
import type { Scope } from '#compile/scope.ts';
import type { Unit } from '#compile/unit.ts';
import { catchAllVirtualHost, type VirtualHostEntry, virtualHost } from '#compile/virtual-host.ts';
import { hostsOverlap, isWildcard } from '#model/hostname.ts';
import { isHttpOrSniffed } from '#model/protocol.ts';
import type { Service, ServicePort } from '#model/service.ts';

/** The numbers of all ports that have an outbound HTTP route configuration, ascending. */
export function outboundHttpPorts(scope: Scope): readonly number[] {
  const ports = new Set<number>();
  for (const service of scope.services.values()) for (const port of service.ports) if (isHttpOrSniffed(port.protocol)) ports.add(port.number);
  return [...ports].sort((a, b) => a - b);
}

/** Route configuration `80`: every service with that HTTP port, then whatever the mesh does not know. */
export function portRouteConfig(scope: Scope, port: number, client: Client, cache: CompileCache): Unit {
  const hosts = portVirtualHosts(scope, port, client, {}, cache);
  const all = [...hosts.sort(byName), catchAllVirtualHost(scope.outboundPolicy, cache)];
  return cache.madeOf('port route configuration', `${scope.key} ${client.dnsDomain} ${client.shareKey} ${port}`, all, () =>
    routeConfig(String(port), all, { ignorePort: true }),
  );
}

/** Route configuration `hello.default.svc.cluster.local:80`: whatever comes to the service's own listener is for it. */
export function serviceRouteConfig(scope: Scope, service: Service, port: ServicePort, client: Client, cache: CompileCache): Unit {
  const name = hostAndPort(service.hostname, port.number);
  const { routes, origin } = serviceRoutes(scope, service, port, client, cache);
  const host = virtualHost(name, ['*'], routes, origin, cache);
  return cache.madeOf('service route configuration', `${scope.key} ${client.shareKey} ${name}`, [host], () =>
    routeConfig(name, [host], { ignorePort: true }),
  );
}

/**
 * Route configuration `http_proxy`: every HTTP port of every service, told apart by the port in the request; a name without one means port
 * 80. Differs from Istio, which ignores ports here, so that only port 80 can be reached. `name`: that of a Sidecar's port for a proxy.
 */
export function httpProxyRouteConfigFor(scope: Scope, client: Client, cache: CompileCache, name = httpProxyRouteConfig): Unit {
  const hosts = outboundHttpPorts(scope).flatMap((port) => {
    const entries = portVirtualHosts(scope, port, client, { port }, cache);
    return port === 80 ? entries : entries.flatMap((entry) => withoutBareDomains(entry, cache));
  });
  const all = [...hosts.sort(byName), catchAllVirtualHost(scope.outboundPolicy, cache)];
  return cache.madeOf('proxy route configuration', `${scope.key} ${client.dnsDomain} ${client.shareKey} ${name}`, all, () =>
    routeConfig(name, all, { ignorePort: false }),
  );
}

/** The rules in force for a service's port: those of its virtual service where they say anything, else straight to the service. */
function serviceRoutes(
  scope: Scope,
  service: Service,
  port: ServicePort,
  client: Client,
  cache: CompileCache,
): { readonly routes: readonly RouteEntry[]; readonly origin: Origin } {
  const governing = scope.virtualServiceOf(service.hostname);
  const context = routeContext(scope, { port: port.number, gateway: 'mesh', client });
  if (governing !== undefined) {
    const routes = virtualServiceRoutes(governing, context, cache);
    if (routes.length > 0) return { routes, origin: governing.origin };
  }
  return { routes: defaultRoutes(service, port, context, cache), origin: service.origin };
}

/** `options.port`: domains also with the port, for a table of several. */
function portVirtualHosts(scope: Scope, port: number, client: Client, options: { readonly port?: number }, cache: CompileCache): VirtualHostEntry[] {
  const services = servicesOnPort(scope, port);
  const taken = new Set<string>();
  const foreign = [...foreignHosts(scope, port, services, client, cache)];
  const realHosts = [...services.map(({ service }) => service.hostname), ...foreign.map(({ host }) => host)];
  const realNames = new Set(realHosts.flatMap((host) => [host, hostAndPort(host, port)]));
  const entries: VirtualHostEntry[] = [];
  const add = (host: string, { domains, shortForms }: ServiceDomains, routes: readonly RouteEntry[], origin: Origin): void => {
    const free = domains.filter((domain) => !taken.has(domain) && !(shortForms.has(domain) && realNames.has(domain)));
    if (free.length === 0) return;
    for (const domain of free) taken.add(domain);
    entries.push(virtualHost(hostAndPort(host, port), free, routes, origin, cache));
  };
  for (const { service, servicePort } of services) {
    const { routes, origin } = serviceRoutes(scope, service, servicePort, client, cache);
    add(service.hostname, serviceDomains(service, { clientDnsDomain: client.dnsDomain, capturesDns: client.capturesDns, ...options }), routes, origin);
  }
  for (const { host, routes, origin } of foreign) {
    const domains = options.port === undefined ? [host] : [host, hostAndPort(host, port)];
    add(host, { domains, shortForms: new Set() }, routes, origin);
  }
  return entries;
}

type PortService = { readonly service: Service; readonly servicePort: ServicePort };

function servicesOnPort(scope: Scope, port: number): readonly PortService[] {
  const found: PortService[] = [];
  for (const service of scope.services.values()) {
    const servicePort = service.ports.find((candidate) => candidate.number === port && isHttpOrSniffed(candidate.protocol));
    if (servicePort !== undefined) found.push({ service, servicePort });
  }
  return found;
}

/**
 * Hosts of virtual services that no service has. Istio routes them on port 80, and on other ports only where the same virtual service is
 * also about a service with that port.
 */
function* foreignHosts(
  scope: Scope,
  port: number,
  services: readonly PortService[],
  client: Client,
  cache: CompileCache,
): Generator<{ readonly host: string; readonly routes: readonly RouteEntry[]; readonly origin: Origin }> {
  for (const virtualService of scope.virtualServices('mesh')) {
    const foreign = virtualService.hosts.filter(({ hostname }) => !isServiceHost(scope, hostname));
    if (foreign.length === 0) continue;
    const isAboutService = virtualService.hosts.some(({ hostname }) => services.some(({ service }) => hostsOverlap(hostname, service.hostname)));
    if (port !== 80 && !isAboutService) continue;
    const context = routeContext(scope, { port, gateway: 'mesh', client });
    const routes = virtualServiceRoutes(virtualService, context, cache);
    if (routes.length === 0) continue;
    for (const { hostname } of foreign) yield { host: hostname, routes, origin: virtualService.origin };
  }
}

function isServiceHost(scope: Scope, host: string): boolean {
  if (!isWildcard(host)) return scope.services.has(host);
  for (const hostname of scope.services.keys()) if (hostsOverlap(host, hostname)) return true;
  return false;
}

/** Only the domains that carry the port: a bare name means port 80. */
function withoutBareDomains(entry: VirtualHostEntry, cache: CompileCache): readonly VirtualHostEntry[] {
  const domains = entry.virtualHost.domains.filter((domain) => domain.includes(':'));
  return domains.length === 0 || entry.origin === undefined ? [] : [virtualHost(entry.virtualHost.name, domains, entry.routes, entry.origin, cache)];
}

function byName(a: VirtualHostEntry, b: VirtualHostEntry): number {
  return a.virtualHost.name < b.virtualHost.name ? -1 : a.virtualHost.name > b.virtualHost.name ? 1 : 0;
}
