// CONNECT through the HTTP proxy of a sidecar that nothing is redirected to, as apps with HTTPS_PROXY send it: the sidecar is its end, and
// passes the bytes on to the host and port that it names. Differs from Istio, whose HTTP proxy refuses CONNECT.
import type { CompileCache } from '#compile/compile-cache.ts';
import { serviceDomains } from '#compile/domains.ts';
import { noTimeout } from '#compile/durations.ts';
import { hostAndPort, outboundClusterName } from '#compile/names.ts';
import { unknownHttpTarget } from '#compile/outbound-policy.ts';
import type { RouteEntry } from '#compile/route.ts';
import type { Scope } from '#compile/scope.ts';
import { catchAllVirtualHost, type VirtualHostEntry, virtualHost } from '#compile/virtual-host.ts';
import { create } from '#envoy/create.ts';
import { type Route, RouteSchema, VirtualHostSchema } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import { isHttpOrSniffed } from '#model/protocol.ts';

/** A virtual host for each port of each service that is not HTTP; straight to the service, as nobody knows yet for whom the bytes will be. */
export function connectHosts(scope: Scope, clientDnsDomain: string, cache: CompileCache): readonly VirtualHostEntry[] {
  const taken = new Set<string>();
  return [...scope.services.values()].flatMap((service) =>
    service.ports
      .filter(({ protocol }) => protocol !== 'udp' && !isHttpOrSniffed(protocol))
      .flatMap((port) => {
        const { domains } = serviceDomains(service, { clientDnsDomain, port: port.number });
        const free = domains.filter((domain) => domain.endsWith(`:${port.number}`) && !taken.has(domain));
        for (const domain of free) taken.add(domain);
        if (free.length === 0) return [];
        const routes = cache.once('connect routes', [port], service.hostname, (): readonly RouteEntry[] => [
          { route: connectRoute(outboundClusterName(port.number, undefined, service.hostname)), origins: [port.origin], destinations: [] },
        ]);
        return [virtualHost(hostAndPort(service.hostname, port.number), free, routes, port.origin, cache)];
      }),
  );
}

/** What is not known: as for requests, wherever DNS says or nowhere. */
export function connectCatchAll(scope: Scope, cache: CompileCache): VirtualHostEntry {
  const policy = scope.outboundPolicy;
  const entry = catchAllVirtualHost(policy, cache);
  const cluster = policy.mode === 'REGISTRY_ONLY' ? undefined : unknownHttpTarget(policy);
  return cache.once('connect catch-all virtual host', [entry], cluster ?? '', () => {
    const routes = [{ route: connectRoute(cluster), origins: [], destinations: [] }, ...entry.routes];
    const { name, domains } = entry.virtualHost;
    const message = create(VirtualHostSchema, { name, domains, routes: routes.map(({ route }) => route), includeRequestAttemptCount: true });
    return { virtualHost: message, routes, origin: undefined };
  });
}

/** Without a cluster: 502, as for requests to what is not known. */
function connectRoute(cluster: string | undefined): Route {
  return create(RouteSchema, {
    name: 'connect',
    match: { pathSpecifier: { case: 'connectMatcher', value: {} } },
    action:
      cluster === undefined
        ? { case: 'directResponse', value: { status: 502 } }
        : {
            case: 'route',
            value: {
              clusterSpecifier: { case: 'cluster', value: cluster },
              timeout: noTimeout(),
              upgradeConfigs: [{ upgradeType: 'CONNECT', connectConfig: {} }],
            },
          },
  });
}
