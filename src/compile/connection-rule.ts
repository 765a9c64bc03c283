// What the tcp and tls rules of a VirtualService mean for one proxy: which matches are about it at all, and where its connections go.
import type { Client } from '#compile/client.ts';
import { outboundClusterName } from '#compile/names.ts';
import { type TcpOptions, type TcpTarget, toCluster } from '#compile/tcp-proxy.ts';
import { labelsMatch } from '#model/labels.ts';
import type { Service } from '#model/service.ts';
import type { ConnectionMatch, VirtualService, WeightedDestination } from '#model/virtual-service.ts';

/** The port that connections come to, and by which door: `mesh`, or the gateways (`namespace/name`) that share a port. */
export type ConnectionContext = {
  readonly port: number;
  readonly gateways: ReadonlySet<string>;
  readonly client: Pick<Client, 'labels' | 'namespace'>;
  readonly service: (hostname: string) => Service | undefined;
  /** What the rule for a destination says about connections. */
  readonly options: (destination: WeightedDestination) => TcpOptions | undefined;
};

/** Whether a match is about these connections; names and addresses are left to the listener. Source: Istio, matchTLS and matchTCP. */
export function concerns(match: ConnectionMatch, { port, gateways, client }: ConnectionContext): boolean {
  if (match.gateways !== undefined && !match.gateways.some((gateway) => gateways.has(gateway))) return false;
  if (match.sourceLabels !== undefined && !labelsMatch(match.sourceLabels, client.labels)) return false;
  if (match.sourceNamespace !== undefined && match.sourceNamespace !== client.namespace) return false;
  return match.port === undefined || match.port === port;
}

/**
 * Where a rule's connections go; undefined where it has no destination. Several destinations take what the first one's DestinationRule says.
 * Source: Istio, buildOutboundNetworkFilters and GetDestinationCluster.
 */
export function ruleTarget(
  destinations: readonly WeightedDestination[],
  virtualService: Pick<VirtualService, 'name' | 'namespace'>,
  context: ConnectionContext,
): TcpTarget | undefined {
  const [first] = destinations;
  if (first === undefined) return undefined;
  const options = context.options(first);
  if (destinations.length === 1) return toCluster(destinationCluster(first, context), options);
  const clusters = destinations.map((destination) => ({ cluster: destinationCluster(destination, context), weight: destination.weight }));
  return {
    statPrefix: `${virtualService.name}.${virtualService.namespace}`,
    clusters: clusters.filter(({ weight }) => weight > 0),
    ...(options !== undefined && { options }),
  };
}

/** The port as written, else the service's only one, else the port that the connection came to. An alias means its service. */
function destinationCluster({ host, port, subset }: WeightedDestination, context: ConnectionContext): string {
  const service = context.service(host.hostname);
  const [only] = service?.ports.length === 1 ? service.ports : [];
  return outboundClusterName(port ?? only?.number ?? context.port, subset, service?.hostname ?? host.hostname);
}
