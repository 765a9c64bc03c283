// In: where a rule sends requests. Out: the cluster that it means for one client, gateway and port. Source: Istio, GetDestinationCluster.
import type { Client } from '#compile/client.ts';
import { hashKeyOf } from '#compile/hash-policy.ts';
import { outboundClusterName } from '#compile/names.ts';
import { saysHttp } from '#compile/request-alpn.ts';
import type { Scope } from '#compile/scope.ts';
import type { DestinationRule, HashKey } from '#model/destination-rule.ts';
import type { Retries } from '#model/retry.ts';
import type { Alias, Service } from '#model/service.ts';
import type { WeightedDestination } from '#model/virtual-service.ts';

/** What routes are made for: the port, the gateway (`mesh`, or `namespace/name`), and the services that can be named. */
export type RouteContext = {
  readonly port: number;
  readonly gateway: string;
  readonly client: Client;
  readonly service: (hostname: string) => Pick<Service, 'hostname' | 'ports' | 'external'> | undefined;
  /** An ExternalName Service: requests for it go to the service it stands for. */
  readonly alias: (hostname: string) => Pick<Alias, 'target' | 'ports'> | undefined;
  /** The destination rule in force for a host: what places requests among its endpoints. */
  readonly rule: (hostname: string) => DestinationRule | undefined;
  /** MeshConfig.defaultHttpRetryPolicy, for rules without retries of their own. The same for a whole mesh. */
  readonly defaultRetries?: Retries;
  /** The port ends TLS: a redirect that names no scheme leads to https. */
  readonly isTls?: boolean;
  /** All of the above as an object and a text: what was made for equal ones is still right. */
  readonly destinations: object;
  readonly place: string;
};

export function routeContext(scope: Scope, place: Pick<RouteContext, 'port' | 'gateway' | 'client' | 'isTls'>): RouteContext {
  const { defaultRetries } = scope.mesh.settings;
  const { port, gateway, client, isTls = false } = place;
  const rule = (hostname: string): DestinationRule | undefined => scope.ruleOf(hostname, client.labels);
  return {
    ...place,
    service: (hostname) => scope.service(hostname),
    alias: (hostname) => scope.mesh.aliases.get(hostname),
    rule,
    ...(defaultRetries !== undefined && { defaultRetries }),
    destinations: scope.destinations(client),
    place: `${port} ${gateway} ${isTls} ${client.shareKey}`,
  };
}

type Named = Pick<WeightedDestination, 'host' | 'subset' | 'port'>;

/** No host at all is a backend of the Gateway API that does not exist. An alias has no cluster: that of its service is meant. */
export function destinationCluster(destination: Named, context: RouteContext): string {
  const written = destination.host.hostname;
  if (written === '') return 'UnknownService';
  const { hostname } = context.service(written) ?? { hostname: written };
  return outboundClusterName(destinationPort(destination, context), destination.subset, hostname);
}

/**
 * The port as written, else the service's only one, else the port that the request came to. Differs from Istio for sidecars, which only looks
 * at services with the port that the request came to, against its own documentation.
 */
export function destinationPort({ host, port }: Named, context: RouteContext): number {
  if (port !== undefined) return port;
  const ports = (context.service(host.hostname) ?? context.alias(host.hostname))?.ports;
  return ports?.length === 1 && ports[0] !== undefined ? ports[0].number : context.port;
}

/** Whether requests to the destination must say that they are HTTP, as its port may carry bytes as well. */
export function destinationSaysHttp(destination: Named, context: RouteContext): boolean {
  const { hostname } = destination.host;
  return saysHttp(context.service(hostname), destinationPort(destination, context), destination.subset, () => context.rule(hostname));
}

/** What places a request among the endpoints of the destination; undefined where it is balanced otherwise. */
export function destinationHashKey(destination: Named, context: RouteContext): HashKey | undefined {
  const { host, subset } = destination;
  return hashKeyOf(context.rule(host.hostname), destinationPort(destination, context), subset);
}
