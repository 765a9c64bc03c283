// In: what a sidecar serves. Out: its inbound side: with redirection one listener `virtualInbound` with a chain per port and others for
// whatever else arrives; without, one listener per port on an address of its own.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { listenerAccessLogs } from '#compile/access-log.ts';
import { socketAddress } from '#compile/address.ts';
import { noTimeout } from '#compile/durations.ts';
import { filterChain } from '#compile/filter-chain.ts';
import { httpConnectionManager } from '#compile/http-connection-manager.ts';
import type { InboundPort } from '#compile/inbound-port.ts';
import { detectionTimeout, httpInspector, originalDestination } from '#compile/listener-filters.ts';
import { blackHoleCluster, hostAndPort, inboundCapturePort, inboundClusterName, inboundPassthroughCluster, listenerName } from '#compile/names.ts';
import { inboundRetryPolicy } from '#compile/retry.ts';
import { routeMatch } from '#compile/route-match.ts';
import { tcpProxy } from '#compile/tcp-proxy.ts';
import { makeUnit, type Unit } from '#compile/unit.ts';
import type { WorkloadFilters } from '#compile/workload-filters.ts';
import { create } from '#envoy/create.ts';
import { TrafficDirection } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import type { FilterChain } from '#envoy/gen/envoy/config/listener/v3/listener_components_pb.js';
import { ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import { type RouteConfiguration, RouteConfigurationSchema } from '#envoy/gen/envoy/config/route/v3/route_pb.js';
import type { NodeOrigin } from '#envoy/origin-table.ts';
import { typeUrls } from '#envoy/type-url.ts';
import type { MeshSettings } from '#model/mesh.ts';
import { isHttp, type Protocol } from '#model/protocol.ts';

/** `any`: the address that stands for all of them in the proxy's IP family; `own`: the proxy's. */
export type InboundOptions = {
  readonly explainFailures: boolean;
  readonly settings: MeshSettings;
  readonly any: string;
  readonly own: string;
  /** Of the workload's policies. */
  readonly filters: WorkloadFilters;
};

/** `virtualInbound` on 15006: a loop stopper, chains for ports no service knows, and the chains of each port. */
export function virtualInboundListener(ports: readonly InboundPort[], options: InboundOptions): Unit {
  const name = 'virtualInbound';
  const port = capturePort(options);
  const message = create(ListenerSchema, {
    name,
    address: socketAddress(options.any, port),
    trafficDirection: TrafficDirection.INBOUND,
    continueOnListenerFiltersTimeout: true,
    listenerFiltersTimeout: detectionTimeout(options.settings),
    listenerFilters: [originalDestination(), httpInspector(portsWithoutSniffing(ports, port))],
    filterChains: [...catchAllChains(options), ...ports.flatMap((port) => portChains(port, port.targetPort, options))],
    accessLog: [...listenerAccessLogs(options.settings)],
  });
  return makeUnit(
    typeUrls.listener,
    name,
    ListenerSchema,
    message,
    ports.flatMap((port) => chainOrigins(name, port, options)),
  );
}

/** One listener for one port. It is named after the port of the container, wherever it listens. */
export function boundInboundListener(port: InboundPort, address: string, listen: number, options: InboundOptions): Unit {
  const name = inboundName(port, options);
  const sniffs = port.servicePort.protocol === 'auto';
  const message = create(ListenerSchema, {
    name,
    address: socketAddress(address, listen),
    trafficDirection: TrafficDirection.INBOUND,
    continueOnListenerFiltersTimeout: true,
    ...(sniffs && { listenerFilters: [httpInspector()], listenerFiltersTimeout: detectionTimeout(options.settings) }),
    filterChains: portChains(port, undefined, options),
    accessLog: [...listenerAccessLogs(options.settings)],
  });
  return makeUnit(typeUrls.listener, name, ListenerSchema, message, [
    [{ kind: 'listener', listener: name }, port.servicePort.origin],
    ...chainOrigins(name, port, options),
  ]);
}

/** `0.0.0.0_8080`; a Sidecar's port by what it binds, or would bind: the proxy's own address unless it says another. */
export function inboundName({ ingress, targetPort }: InboundPort, { any, own }: InboundOptions): string {
  return listenerName(ingress === undefined ? any : (ingress.bind ?? own), targetPort);
}

function portChains(port: InboundPort, destinationPort: number | undefined, options: InboundOptions): FilterChain[] {
  const { protocol } = port.servicePort;
  const name = inboundName(port, options);
  const match = destinationPort === undefined ? {} : { destinationPort };
  const cluster = inboundClusterName(port.targetPort);
  const http = (): ReturnType<typeof httpConnectionManager> =>
    inboundHttp(
      `inbound_${name}`,
      cluster,
      port.servicePort.number,
      `${hostAndPort(port.services[0]?.hostname ?? '', port.servicePort.number)}/*`,
      protocol,
      options,
    );
  if (isHttp(protocol)) return [filterChain(name, http(), { ...match, rawBuffer: true })];
  const bytes = filterChain(name, tcpProxy(cluster, options.settings), { ...match, rawBuffer: true }, options.filters.network);
  return protocol === 'auto' ? [filterChain(name, http(), { ...match, plaintextHttp: true }), bytes] : [bytes];
}

/** Traffic to 15006 itself would come back for ever; to a port that no service knows it goes through as it is. */
function catchAllChains(options: InboundOptions): readonly FilterChain[] {
  const cluster = inboundPassthroughCluster;
  return [
    filterChain('virtualInbound-blackhole', tcpProxy(blackHoleCluster, options.settings, { log: false }), { destinationPort: capturePort(options) }),
    filterChain('virtualInbound-catchall-http', inboundHttp(cluster, cluster, 0, ':0/*', 'auto', options), { plaintextHttp: true }),
    filterChain('virtualInbound', tcpProxy(cluster, options.settings), { rawBuffer: true }, options.filters.network),
  ];
}

function inboundHttp(statPrefix: string, cluster: string, servicePort: number, operation: string, protocol: Protocol, options: InboundOptions) {
  const config = inboundRouteConfig(cluster, servicePort, operation, protocol, options.settings);
  const { explainFailures, filters } = options;
  return httpConnectionManager(
    { side: 'sidecar-inbound', routes: { kind: 'inline', config }, statPrefix, protocol, explainFailures, filters },
    options.settings,
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

function capturePort({ settings }: InboundOptions): number {
  return settings.listeners?.inboundPort ?? inboundCapturePort;
}

/** Ports whose protocol is declared; and the capture port, whose chain takes bytes. */
function portsWithoutSniffing(ports: readonly InboundPort[], captured: number): readonly number[] {
  const declared = ports.filter(({ servicePort }) => servicePort.protocol !== 'auto').map(({ targetPort }) => targetPort);
  return [...declared, captured].sort((a, b) => a - b);
}

/** Also of the inline routes: a request that fails at the app's door is about the service's port. */
function chainOrigins(listener: string, port: InboundPort, options: InboundOptions): readonly NodeOrigin[] {
  const { origin } = port.servicePort;
  const routeConfig = inboundClusterName(port.targetPort);
  return [
    [{ kind: 'filterChain', listener, filterChain: inboundName(port, options) }, origin],
    [{ kind: 'routeConfig', routeConfig }, origin],
    [{ kind: 'route', routeConfig, virtualHost: `inbound|http|${port.servicePort.number}`, index: 0 }, origin],
  ];
}
