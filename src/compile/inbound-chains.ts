// In: a port that a sidecar serves, and who may connect how. Out: its filter chains, and those for all ports that nobody knows.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { noTimeout } from '#compile/durations.ts';
import { filterChain } from '#compile/filter-chain.ts';
import { httpConnectionManager } from '#compile/http-connection-manager.ts';
import { type ChainKind, chainKinds, type InboundMtls, inboundMode, mutualTlsSocket, ownTlsKind } from '#compile/inbound-mtls.ts';
import type { InboundPort } from '#compile/inbound-port.ts';
import { blackHoleCluster, hostAndPort, inboundCapturePort, inboundClusterName, inboundPassthroughCluster, listenerName } from '#compile/names.ts';
import { inboundRetryPolicy } from '#compile/retry.ts';
import { routeMatch } from '#compile/route-match.ts';
import { tcpProxy } from '#compile/tcp-proxy.ts';
import type { WorkloadFilters } from '#compile/workload-filters.ts';
import { create } from '#envoy/create.ts';
import type { TransportSocket } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import type { Filter, FilterChain } from '#envoy/gen/envoy/config/listener/v3/listener_components_pb.js';
import { type RouteConfiguration, RouteConfigurationSchema } from '#envoy/gen/envoy/config/route/v3/route_pb.js';
import { portMtls } from '#model/effective-mtls.ts';
import type { ServerTls } from '#model/gateway.ts';
import type { MeshSettings } from '#model/mesh.ts';
import type { Protocol } from '#model/protocol.ts';

/** `any`: the address that stands for all of them in the proxy's IP family; `own`: the proxy's. */
export type InboundOptions = {
  readonly explainFailures: boolean;
  readonly settings: MeshSettings;
  readonly any: string;
  /** The same of the other family, where the proxy has both. */
  readonly alsoAny: readonly string[];
  readonly own: string;
  /** Of the workload's policies. */
  readonly filters: WorkloadFilters;
  readonly mtls: InboundMtls;
  /** What ends the TLS of a Sidecar's port, where the port has its own; undefined where it cannot be ended. */
  readonly ownTls: (tls: ServerTls) => TransportSocket | undefined;
};

/** `0.0.0.0_8080`; a Sidecar's port by what it binds, or would bind: the proxy's own address unless it says another. */
export function inboundName({ ingress, targetPort }: InboundPort, { any, own }: InboundOptions): string {
  return listenerName(ingress === undefined ? any : (ingress.bind ?? own), targetPort);
}

/** `destinationPort`: where one listener has the chains of several ports. None where the port is closed to everybody. */
export function portChains(port: InboundPort, destinationPort: number | undefined, options: InboundOptions): readonly FilterChain[] {
  const { protocol, number } = port.servicePort;
  const name = inboundName(port, options);
  const cluster = inboundClusterName(port.targetPort);
  const mode = inboundMode(portMtls(options.mtls, port.targetPort), options.mtls.hasIdentity);
  const tls = mode === 'disable' ? port.ingress?.tls : undefined;
  const ownSocket = tls === undefined ? undefined : options.ownTls(tls);
  if (mode === 'closed' || (tls !== undefined && ownSocket === undefined))
    return destinationPort === undefined ? [] : [closedChain(name, destinationPort, options)];
  const operation = `${hostAndPort(port.services[0]?.hostname ?? '', number)}/*`;
  const content = {
    http: (): Filter => inboundHttp(`inbound_${name}`, cluster, number, operation, protocol, options),
    bytes: (): Filter => tcpProxy(cluster, options.settings),
  };
  const kinds = ownSocket === undefined ? chainKinds(mode, protocol) : [ownTlsKind(protocol)];
  return chainsOf(kinds, () => name, destinationPort, content, options, ownSocket);
}

/**
 * Traffic to 15006 itself would come back for ever; to a port that no service knows it goes through as it is, under the workload's mode, or that
 * of the port where a policy has one. Source: Istio, buildInboundPassthroughChains.
 */
export function catchAllChains(ports: readonly InboundPort[], options: InboundOptions): readonly FilterChain[] {
  const { settings, mtls } = options;
  const known = new Set(ports.map(({ targetPort }) => targetPort));
  const special = [...mtls.ports.keys()].filter((port) => !known.has(port)).sort((a, b) => a - b);
  const hole = filterChain('virtualInbound-blackhole', tcpProxy(blackHoleCluster, settings, { log: false }), {
    destinationPort: capturePort(settings),
  });
  return [hole, ...passthroughChains(undefined, options), ...special.flatMap((port) => passthroughChains(port, options))];
}

function passthroughChains(port: number | undefined, options: InboundOptions): readonly FilterChain[] {
  const { mtls, settings } = options;
  const cluster = inboundPassthroughCluster;
  const mode = inboundMode(port === undefined ? mtls.mode : portMtls(mtls, port), mtls.hasIdentity);
  const nameOf = (content: ChainKind['content']): string => (content === 'http' ? 'virtualInbound-catchall-http' : 'virtualInbound');
  // No chain for all ports is needed to close them: what no chain takes is closed.
  if (mode === 'closed') return port === undefined ? [] : [closedChain(nameOf('bytes'), port, options)];
  const content = {
    http: (): Filter => inboundHttp(cluster, cluster, 0, ':0/*', 'auto', options),
    bytes: (): Filter => tcpProxy(cluster, settings),
  };
  return chainsOf(chainKinds(mode, 'auto'), nameOf, port, content, options);
}

function chainsOf(
  kinds: readonly ChainKind[],
  nameOf: (content: ChainKind['content']) => string,
  destinationPort: number | undefined,
  make: Readonly<Record<ChainKind['content'], () => Filter>>,
  { settings, filters }: InboundOptions,
  ownSocket?: TransportSocket,
): readonly FilterChain[] {
  // The same filter in each chain of its kind: made once.
  const made: Partial<Record<ChainKind['content'], Filter>> = {};
  return kinds.map(({ content, transport, applicationProtocols, ends }) => {
    const filter = made[content] ?? make[content]();
    made[content] = filter;
    const match = { transport, applicationProtocols, ...(destinationPort !== undefined && { destinationPort }) };
    const socket = ends ? (ownSocket ?? mutualTlsSocket(settings)) : undefined;
    return filterChain(nameOf(content), filter, match, {
      ...(content === 'bytes' && { before: filters.network }),
      ...(socket !== undefined && { socket }),
    });
  });
}

/** Where only mutual TLS may be taken and the proxy cannot end it: everything else would be less than was asked for. */
function closedChain(name: string, destinationPort: number, { settings }: InboundOptions): FilterChain {
  return filterChain(name, tcpProxy(blackHoleCluster, settings), { destinationPort });
}

export function capturePort({ listeners }: MeshSettings): number {
  return listeners?.inboundPort ?? inboundCapturePort;
}

function inboundHttp(
  statPrefix: string,
  cluster: string,
  servicePort: number,
  operation: string,
  protocol: Protocol,
  { explainFailures, filters, settings }: InboundOptions,
): Filter {
  const config = inboundRouteConfig(cluster, servicePort, operation, protocol, settings);
  return httpConnectionManager(
    { side: 'sidecar-inbound', routes: { kind: 'inline', config }, statPrefix, protocol, explainFailures, filters },
    settings,
  );
}

type RetryInit = NonNullable<MessageInitShape<typeof RouteConfigurationSchema>['virtualHosts']>;

/** Everything to the app. gRPC streams are never retried: some of it may have been processed. */
function inboundRouteConfig(
  cluster: string,
  servicePort: number,
  operation: string,
  protocol: Protocol,
  { inboundRetries }: MeshSettings,
): RouteConfiguration {
  const retryPolicy = protocol === 'grpc' || protocol === 'grpc-web' ? undefined : inboundRetryPolicy(inboundRetries);
  const virtualHosts: RetryInit = [
    {
      name: `inbound|http|${servicePort}`,
      domains: ['*'],
      routes: [
        {
          name: 'default',
          match: routeMatch(undefined),
          action: {
            case: 'route',
            value: {
              clusterSpecifier: { case: 'cluster', value: cluster },
              timeout: noTimeout(),
              maxStreamDuration: { maxStreamDuration: noTimeout(), grpcTimeoutHeaderMax: noTimeout() },
              ...(retryPolicy !== undefined && { retryPolicy }),
            },
          },
          decorator: { operation },
        },
      ],
    },
  ];
  return create(RouteConfigurationSchema, { name: cluster, virtualHosts, validateClusters: false });
}
