// In: the ports a sidecar was given. Out: its outbound listeners when nothing is redirected: one per service port, which whatever comes to
// is for that service, and the HTTP proxy.
import { create } from '@bufbuild/protobuf';
import { listenerAccessLogs } from '#compile/access-log.ts';
import { socketAddress } from '#compile/address.ts';
import { noTimeout } from '#compile/durations.ts';
import { filterChain } from '#compile/filter-chain.ts';
import { httpConnectionManager } from '#compile/http-connection-manager.ts';
import { httpInspector } from '#compile/listener-filters.ts';
import { httpChain, type OutboundOptions } from '#compile/listener-outbound.ts';
import { hostAndPort, httpProxyRouteConfig, listenerName, outboundClusterName } from '#compile/names.ts';
import { tcpProxy } from '#compile/tcp-proxy.ts';
import { makeUnit, type Unit } from '#compile/unit.ts';
import { TrafficDirection } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import type { FilterChain } from '#envoy/gen/envoy/config/listener/v3/listener_components_pb.js';
import { ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import { typeUrls } from '#envoy/type-url.ts';
import { isHttp } from '#model/protocol.ts';
import type { Service, ServicePort } from '#model/service.ts';

/** Istio's port for MeshConfig.proxyHttpPort; the listener keeps the name wherever it listens. */
const httpProxyPort = 15002;

/** Named after where it listens, as Istio names listeners that bind a port: `127.0.0.1_20001`. */
export function boundServiceListener(service: Service, port: ServicePort, address: string, listen: number, options: OutboundOptions): Unit {
  const name = listenerName(address, listen);
  const routes = hostAndPort(service.hostname, port.number);
  const bytes = (): FilterChain => filterChain('', tcpProxy(outboundClusterName(port.number, undefined, service.hostname), options.settings));
  const sniffs = port.protocol === 'auto';
  const http = (): FilterChain => httpChain(name, routes, port.protocol, options, sniffs);
  const message = create(ListenerSchema, {
    name,
    address: socketAddress(address, listen),
    trafficDirection: TrafficDirection.OUTBOUND,
    continueOnListenerFiltersTimeout: true,
    filterChains: [sniffs || isHttp(port.protocol) ? http() : bytes()],
    ...(sniffs && { listenerFilters: [httpInspector()], listenerFiltersTimeout: noTimeout(), defaultFilterChain: bytes() }),
    accessLog: [...listenerAccessLogs(options.settings)],
  });
  return makeUnit(typeUrls.listener, name, ListenerSchema, message, [[{ kind: 'listener', listener: name }, port.origin]]);
}

/** The HTTP proxy: requests carry absolute URLs, whose host says where they go. */
export function httpProxyListener(address: string, listen: number, options: OutboundOptions): Unit {
  const name = listenerName('127.0.0.1', httpProxyPort);
  const manager = httpConnectionManager(
    {
      side: 'http-proxy',
      routes: { kind: 'discovered', name: httpProxyRouteConfig },
      statPrefix: `outbound_${name}`,
      protocol: 'http',
      explainFailures: options.explainFailures,
    },
    options.settings,
  );
  const message = create(ListenerSchema, {
    name,
    address: socketAddress(address, listen),
    trafficDirection: TrafficDirection.OUTBOUND,
    continueOnListenerFiltersTimeout: true,
    filterChains: [filterChain('', manager)],
    accessLog: [...listenerAccessLogs(options.settings)],
  });
  return makeUnit(typeUrls.listener, name, ListenerSchema, message);
}
