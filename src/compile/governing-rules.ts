// In: what a sidecar sees. Out: for each service on a port the routes of the virtual service that decides about it, and the hosts that only
// virtual services know. Source: Istio, BuildSidecarVirtualHostWrapper and separateVSHostsAndServices.
import type { Origin } from '#base/origin.ts';
import type { Client } from '#compile/client.ts';
import type { CompileCache } from '#compile/compile-cache.ts';
import { RouteContext } from '#compile/destination.ts';
import { defaultRoutes, type RouteEntry, virtualServiceRoutes } from '#compile/route.ts';
import type { Scope } from '#compile/scope.ts';
import { hostsOverlap, isWildcard } from '#model/hostname.ts';
import { isHttpOrSniffed } from '#model/protocol.ts';
import type { Service, ServicePort } from '#model/service.ts';
import type { VirtualService } from '#model/virtual-service.ts';
import { isVisibleIn } from '#model/visibility.ts';

/** `virtualService` is undefined where requests go straight to the service. */
export type Rules = { readonly routes: readonly RouteEntry[]; readonly origin: Origin; readonly virtualService?: VirtualService };

/** A name of a virtual service that is not one of a service with the port. */
export type ForeignHost = Rules & { readonly host: string };

export type PortService = { readonly service: Service; readonly servicePort: ServicePort };

/** Services that have the port, by name; those of a protocol other than HTTP, and aliases, for their names only. */
type PortTable = { readonly http: ReadonlyMap<string, PortService>; readonly names: ReadonlyMap<string, Service> };

export function servicesOnPort(scope: Scope, port: number): readonly PortService[] {
  return [...portTable(scope, port).http.values()];
}

/**
 * The rules in force for a service's port: of the virtual services that name its host the first in precedence that says anything to this
 * client; where none names it, the one with the most specific wildcard; else straight to the service.
 */
export function serviceRules(
  scope: Scope,
  service: Service,
  port: ServicePort,
  client: Client,
  cache: CompileCache,
  context = meshContext(scope, port.number, client),
): Rules {
  for (const virtualService of candidates(scope, service.hostname)) {
    if (!mayDecide(virtualService, service, client)) continue;
    const routes = virtualServiceRoutes(virtualService, context, cache);
    if (routes.length > 0) return { routes, origin: virtualService.origin, virtualService };
  }
  return { routes: defaultRoutes(service, port, context, cache), origin: service.origin };
}

/** For calls to a port by sidecars: the same for all services that have it. */
export function meshContext(scope: Scope, port: number, client: Client): RouteContext {
  return new RouteContext(scope, client, { port, gateway: 'mesh' });
}

/**
 * Hosts that no service with this port has: on port 80, which is where requests for unknown hosts go, and on other ports where the same
 * virtual service is about a service with it.
 */
export function foreignHosts(scope: Scope, port: number, client: Client, cache: CompileCache): readonly ForeignHost[] {
  const { http, names } = portTable(scope, port);
  const context = meshContext(scope, port, client);
  return scope.virtualServices('mesh').flatMap((virtualService): readonly ForeignHost[] => {
    const foreign = virtualService.hosts.filter(({ hostname }) => isForeign(hostname, names, virtualService));
    if (foreign.length === 0) return [];
    const own = [...servicesOf(virtualService, scope, names)];
    if (port !== 80 && !own.some(({ hostname }) => http.has(hostname))) return [];
    if (virtualService.semantics === 'gateway-api' && !own.some((service) => mayDecide(virtualService, service, client))) return [];
    const routes = virtualServiceRoutes(virtualService, context, cache);
    if (routes.length === 0) return [];
    return foreign.map(({ hostname }) => ({ host: hostname, routes, origin: virtualService.origin, virtualService }));
  });
}

/** Aliases with the port that a virtual service names: they are hosts of their own then. */
export function ruledAliases(scope: Scope, port: number, client: Client, cache: CompileCache): readonly (Rules & { readonly service: Service })[] {
  const { names } = portTable(scope, port);
  return aliasesOf(scope).flatMap((service) => {
    const servicePort = service.ports.find(({ number, protocol }) => number === port && isHttpOrSniffed(protocol));
    if (servicePort === undefined || names.get(service.hostname) !== service || candidates(scope, service.hostname).length === 0) return [];
    const rules = serviceRules(scope, service, servicePort, client, cache);
    return rules.virtualService === undefined ? [] : [{ ...rules, service }];
  });
}

function portTable(scope: Scope, port: number): PortTable {
  return scope.once(`services on port ${port}`, () => {
    const http = new Map<string, PortService>();
    const names = new Map<string, Service>();
    for (const service of [...aliasesOf(scope), ...scope.services.values()]) {
      const servicePort = service.ports.find(({ number }) => number === port);
      if (servicePort === undefined) continue;
      names.set(service.hostname, service);
      if (isHttpOrSniffed(servicePort.protocol) && scope.services.has(service.hostname)) http.set(service.hostname, { service, servicePort });
    }
    return { http, names };
  });
}

/** As if they were services, with nothing behind them: their destination is the service they stand for. */
function aliasesOf(scope: Scope): readonly Service[] {
  return scope.once('aliases', () =>
    [...scope.mesh.aliases.values()]
      .filter(({ visibility }) => isVisibleIn(visibility, scope.namespace))
      .map(({ target: _target, ...alias }) => ({
        ...alias,
        addresses: [],
        headless: false,
        resolution: 'none',
        registry: 'kubernetes',
        external: true,
        endpoints: [],
      })),
  );
}

function candidates(scope: Scope, hostname: string): readonly VirtualService[] {
  const exact = scope.once('virtual services by host', () => byHost(scope.virtualServices('mesh'))).get(hostname);
  if (exact !== undefined) return exact;
  const covering = scope.virtualServiceOf(hostname);
  return covering === undefined ? [] : [covering];
}

function byHost(virtualServices: readonly VirtualService[]): ReadonlyMap<string, readonly VirtualService[]> {
  const found = new Map<string, VirtualService[]>();
  for (const virtualService of virtualServices) {
    for (const { hostname } of virtualService.hosts) {
      const known = found.get(hostname);
      if (known === undefined) found.set(hostname, [virtualService]);
      else known.push(virtualService);
    }
  }
  return found;
}

/** Routes of the Gateway API count for calls from their own namespace, and from everywhere for services of it. */
function mayDecide({ semantics, namespace }: VirtualService, service: Service, client: Client): boolean {
  return semantics !== 'gateway-api' || service.namespace === namespace || client.namespace === namespace;
}

/** A wildcard is foreign only where it covers no service of the port at all. */
function isForeign(host: string, names: PortTable['names'], { semantics }: VirtualService): boolean {
  if (!isWildcard(host)) return !names.has(host);
  if (semantics === 'gateway-api') return true;
  for (const hostname of names.keys()) if (hostsOverlap(host, hostname)) return false;
  return true;
}

/** The services of the port that a virtual service names, or that its wildcard is the most specific for. */
function* servicesOf(virtualService: VirtualService, scope: Scope, names: PortTable['names']): Generator<Service> {
  for (const { hostname: host } of virtualService.hosts) {
    if (!isWildcard(host)) {
      const service = names.get(host);
      if (service !== undefined) yield service;
      continue;
    }
    for (const service of names.values()) {
      if (hostsOverlap(host, service.hostname) && scope.virtualServiceOf(service.hostname) === virtualService) yield service;
    }
  }
}
