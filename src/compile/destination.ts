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
export class RouteContext {
  readonly client: Client;
  readonly port: number;
  readonly gateway: string;
  /** The port ends TLS: a redirect that names no scheme leads to https. */
  readonly isTls: boolean;
  readonly #scope: Scope;

  constructor(scope: Scope, client: Client, { port, gateway, isTls = false }: RoutePlace) {
    this.#scope = scope;
    this.client = client;
    this.port = port;
    this.gateway = gateway;
    this.isTls = isTls;
  }

  service(hostname: string): Service | undefined {
    return this.#scope.service(hostname);
  }

  /** An ExternalName Service: requests for it go to the service it stands for. */
  alias(hostname: string): Alias | undefined {
    return this.#scope.mesh.aliases.get(hostname);
  }

  /** The destination rule in force for a host: what places requests among its endpoints. */
  rule(hostname: string): DestinationRule | undefined {
    return this.#scope.ruleOf(hostname, this.client.labels);
  }

  /** MeshConfig.defaultHttpRetryPolicy, for rules without retries of their own. The same for a whole mesh. */
  get defaultRetries(): Retries | undefined {
    return this.#scope.mesh.settings.defaultRetries;
  }

  /** With `place` and the client's `shareKey` all of the above: what was made for equal ones is still right. */
  get destinations(): object {
    return this.#scope.destinations(this.client);
  }

  get place(): string {
    return `${this.port} ${this.gateway} ${this.isTls}`;
  }
}

export type RoutePlace = { readonly port: number; readonly gateway: string; readonly isTls?: boolean };

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
export function destinationPort(destination: Named, context: RouteContext): number {
  return knownPort(destination, context) ?? context.port;
}

/** The port of the destination, wherever the request came in; undefined where that decides. */
export function knownPort({ host, port }: Named, context: RouteContext): number | undefined {
  if (port !== undefined) return port;
  const ports = (context.service(host.hostname) ?? context.alias(host.hostname))?.ports;
  return ports?.length === 1 ? ports[0]?.number : undefined;
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
