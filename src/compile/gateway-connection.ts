// The filter chains of gateway servers that pass bytes on: by the tcp rules of virtual services, by the server name of TLS that is not ended
// here (tls rules), and to any service by a server name that is a cluster's (AUTO_PASSTHROUGH).
import { type ConnectionContext, ruleTarget } from '#compile/connection-rule.ts';
import { type ChainContext, type ChainPlan, ownerOf } from '#compile/gateway-chain-plan.ts';
import type { BoundServer } from '#compile/gateway-server.ts';
import { sniDnatTargets } from '#compile/gateway-sni-dnat.ts';
import { tcpOptions } from '#compile/tcp-options.ts';
import { toCluster } from '#compile/tcp-proxy.ts';
import { hostsOverlap } from '#model/hostname.ts';
import type { ConnectionMatch, VirtualService, WeightedDestination } from '#model/virtual-service.ts';

/** ALPN names of mutual TLS inside the mesh: nothing else gets through AUTO_PASSTHROUGH. Source: Istio, allIstioMtlsALPNs. */
const meshProtocols = ['istio', 'istio-peer-exchange', 'istio-http/1.0', 'istio-http/1.1', 'istio-h2'];

/** One chain to where the first rule in precedence sends the connections; none where no rule is for them, so that the port stays closed. */
export function connectionChains(bound: BoundServer, context: ChainContext): readonly ChainPlan[] {
  for (const virtualService of virtualServicesFor(bound, context)) {
    const destinations = firstDestinations(virtualService, bound);
    const target = destinations === undefined ? undefined : ruleTarget(destinations, virtualService, connectionContext(bound, context));
    if (target !== undefined) {
      return [{ serverNames: [], applicationProtocols: [], content: { kind: 'bytes', target }, owner: ownerOf(bound) }];
    }
  }
  return [];
}

/** Of the tcp rules, or of the Gateway API's TLSRoutes, whose rules are by server name: here TLS has been ended. */
function firstDestinations(virtualService: VirtualService, bound: BoundServer): readonly WeightedDestination[] | undefined {
  const { tcp, tls, semantics } = virtualService;
  const rule = tcp.find(
    ({ matches, destinations }) => destinations.length > 0 && (matches.length === 0 || matches.some((match) => isFor(match, bound))),
  );
  if (rule !== undefined) return rule.destinations;
  if (semantics !== 'gateway-api' || bound.server.tls === undefined) return undefined;
  return tls.find(({ matches }) => matches.some((match) => isFor(match, bound)))?.destinations;
}

/** A chain for each match of each tls rule. Source: Istio, buildGatewayNetworkFiltersFromTLSRoutes. */
export function passthroughChains(bound: BoundServer, context: ChainContext): readonly ChainPlan[] {
  return virtualServicesFor(bound, context).flatMap((virtualService) =>
    virtualService.tls.flatMap(({ matches, destinations }) => {
      const target = ruleTarget(destinations, virtualService, connectionContext(bound, context));
      if (target === undefined) return [];
      return matches
        .filter((match) => isFor(match, bound))
        .map(({ sniHosts, origin }): ChainPlan => {
          const title = `the tls rule of VirtualService ${virtualService.namespace}/${virtualService.name}`;
          return {
            serverNames: [...new Set(sniHosts)].sort(),
            applicationProtocols: [],
            content: { kind: 'bytes', target },
            owner: { title, origin },
          };
        });
    }),
  );
}

/** A chain for each cluster that a client inside another network of the mesh may name, with mutual TLS of the mesh. */
export function autoPassthroughChains(bound: BoundServer, { scope }: ChainContext): readonly ChainPlan[] {
  return sniDnatTargets(scope, bound.serverNames).map(({ name }) => ({
    serverNames: [name],
    applicationProtocols: meshProtocols,
    content: { kind: 'bytes', target: toCluster(name) },
    owner: ownerOf(bound),
  }));
}

/** Virtual services bound to the Gateway that have a host in common with the server. Source: Istio, pickMatchingGatewayHosts. */
function virtualServicesFor({ gateway, server }: BoundServer, { scope }: ChainContext): readonly VirtualService[] {
  return scope.virtualServices(`${gateway.namespace}/${gateway.name}`).filter(({ namespace, hosts }) => {
    const allowed = server.hosts.filter((host) => host.namespace === '*' || host.namespace === namespace);
    return allowed.some(({ host }) => hosts.some(({ hostname }) => hostsOverlap(host, hostname)));
  });
}

/** Only port and gateway tell at a gateway: the caller is outside the mesh. Source: Istio, l4SingleMatch. */
function isFor({ port, gateways }: ConnectionMatch, { gateway, server }: BoundServer): boolean {
  if (port !== undefined && port !== server.port.number) return false;
  return gateways === undefined || gateways.includes(`${gateway.namespace}/${gateway.name}`);
}

function connectionContext({ gateway, server }: BoundServer, { scope, client }: ChainContext): ConnectionContext {
  return {
    port: server.port.number,
    gateways: new Set([`${gateway.namespace}/${gateway.name}`]),
    client,
    service: (hostname) => scope.service(hostname),
    options: ({ host, subset }) => tcpOptions(scope.ruleOf(host.hostname, client.labels), subset),
  };
}
