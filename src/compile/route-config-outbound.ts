// In: what a namespace sees. Out: the route configurations of sidecars' outbound listeners: by port (`80`), for one service
// (`hello.default.svc.cluster.local:80`), and for the HTTP proxy port (`http_proxy`).

import type { Client } from '#compile/client.ts';
import type { CompileCache } from '#compile/compile-cache.ts';
import { connectCatchAll, connectHosts } from '#compile/connect-route.ts';
import { hostInDomain, type ServiceDomains, serviceDomains } from '#compile/domains.ts';
import { foreignHosts, meshContext, type Rules, ruledAliases, serviceRules, servicesOnPort } from '#compile/governing-rules.ts';
import { hostAndPort, httpProxyRouteConfig } from '#compile/names.ts';
import { routeConfig } from '#compile/route-config.ts';
import type { Scope } from '#compile/scope.ts';
import type { Unit } from '#compile/unit.ts';
import { catchAllVirtualHost, type VirtualHostEntry, virtualHost } from '#compile/virtual-host.ts';
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
  const { routes, origin } = serviceRules(scope, service, port, client, cache);
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
  const all = scope.redirected
    ? [...hosts.sort(byName), catchAllVirtualHost(scope.outboundPolicy, cache)]
    : [...[...hosts, ...connectHosts(scope, client.dnsDomain, cache)].sort(byName), connectCatchAll(scope, cache)];
  return cache.madeOf('proxy route configuration', `${scope.key} ${client.dnsDomain} ${client.shareKey} ${name}`, all, () =>
    routeConfig(name, all, { ignorePort: false }),
  );
}

/**
 * `options.port`: domains also with the port, for a table of several. A domain that two claim has the first: hosts that only rules know, then
 * services that rules are about, then all others. Source: Istio, BuildSidecarOutboundVirtualHosts.
 */
function portVirtualHosts(scope: Scope, port: number, client: Client, options: { readonly port?: number }, cache: CompileCache): VirtualHostEntry[] {
  const services = servicesOnPort(scope, port);
  const taken = new Set<string>();
  const realNames = new Set(services.flatMap(({ service }) => [service.hostname, hostAndPort(service.hostname, port)]));
  const entries: VirtualHostEntry[] = [];
  const add = (host: string, { domains, shortForms }: ServiceDomains, { routes, origin }: Rules): void => {
    const free = domains.filter((domain) => !taken.has(domain) && !(shortForms.has(domain) && realNames.has(domain)));
    if (free.length === 0) return;
    for (const domain of free) taken.add(domain);
    entries.push(virtualHost(hostAndPort(host, port), free, routes, origin, cache));
  };
  for (const foreign of foreignHosts(scope, port, client, cache)) {
    const bare = hostInDomain(foreign.host);
    add(foreign.host, { domains: options.port === undefined ? [bare] : [bare, hostAndPort(bare, port)], shortForms: new Set() }, foreign);
  }
  const domainsOf = domainsByService(client, options, cache);
  const context = meshContext(scope, port, client);
  const ruled = [
    ...ruledAliases(scope, port, client, cache),
    ...services.map(({ service, servicePort }) => ({ service, ...serviceRules(scope, service, servicePort, client, cache, context) })),
  ];
  for (const isAboutRules of [true, false]) {
    for (const { service, ...rules } of ruled) {
      if ((rules.virtualService !== undefined) === isAboutRules) add(service.hostname, domainsOf(service), rules);
    }
  }
  return entries;
}

/** Remembered as long as the service is the same. */
function domainsByService(
  { dnsDomain: clientDnsDomain, capturesDns }: Client,
  options: { readonly port?: number },
  cache: CompileCache,
): (service: Service) => ServiceDomains {
  const known = cache.once(
    'domains by service',
    [],
    `${clientDnsDomain} ${capturesDns} ${options.port ?? ''}`,
    () => new WeakMap<Service, ServiceDomains>(),
  );
  return (service) => {
    let domains = known.get(service);
    if (domains === undefined) {
      domains = serviceDomains(service, { clientDnsDomain, capturesDns, ...options });
      known.set(service, domains);
    }
    return domains;
  };
}

/** Only the domains that carry the port: a bare name means port 80. */
function withoutBareDomains(entry: VirtualHostEntry, cache: CompileCache): readonly VirtualHostEntry[] {
  const domains = entry.virtualHost.domains.filter((domain) => domain.includes(':'));
  return domains.length === 0 || entry.origin === undefined ? [] : [virtualHost(entry.virtualHost.name, domains, entry.routes, entry.origin, cache)];
}

function byName(a: VirtualHostEntry, b: VirtualHostEntry): number {
  return a.virtualHost.name < b.virtualHost.name ? -1 : a.virtualHost.name > b.virtualHost.name ? 1 : 0;
}
