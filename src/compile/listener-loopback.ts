// In: the ports a sidecar was given. Out: its outbound listeners when nothing is redirected: one per service port, which whatever comes to
// is for that service, and the HTTP proxy.
import { listenerAccessLogs } from '#compile/access-log.ts';
import { socketAddress } from '#compile/address.ts';
import type { Client } from '#compile/client.ts';
import type { CompileCache } from '#compile/compile-cache.ts';
import { filterChain } from '#compile/filter-chain.ts';
import { httpConnectionManager } from '#compile/http-connection-manager.ts';
import { chainsText, type OutboundOptions, outboundChains } from '#compile/listener-outbound.ts';
import { blackHoleCluster, hostAndPort, httpProxyRouteConfig, listenerName } from '#compile/names.ts';
import { byteChains, type OutboundChain, toService } from '#compile/outbound-chain.ts';
import { distinctChains } from '#compile/outbound-entry.ts';
import type { Scope } from '#compile/scope.ts';
import { tcpProxy, toCluster } from '#compile/tcp-proxy.ts';
import { makeUnit, type Unit } from '#compile/unit.ts';
import { create } from '#envoy/create.ts';
import { TrafficDirection } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import { typeUrls } from '#envoy/type-url.ts';
import { isHttp, isHttpOrSniffed } from '#model/protocol.ts';
import type { Service, ServicePort } from '#model/service.ts';

/** The port by which the proxy of loopback mode is known: that of Istio's examples for MeshConfig.proxyHttpPort. */
const loopbackProxyPort = 15002;

/**
 * Named after where it listens, as Istio names listeners that bind a port: `127.0.0.1_20001`. What no rule takes is for the service all the
 * same, as it would be where connections pass through to the address they were made to; or for nothing, where the mesh is closed.
 */
export function boundServiceListener(
  view: Scope,
  service: Service,
  port: ServicePort,
  at: { readonly address: string; readonly listen: number },
  client: Client,
  options: OutboundOptions,
  cache: CompileCache,
): Unit {
  const name = listenerName(at.address, at.listen);
  const place = { port, bind: at.address, isWildcard: false, prefixes: [], hasOriginalDestination: false };
  const bytes = isHttp(port.protocol) ? [] : byteChains(view, service, place, client);
  const chains = distinctChains([...bytes, ...(isHttpOrSniffed(port.protocol) ? [httpChain(view, service, port)] : [])]);
  const unknown = view.outboundPolicy.mode !== 'REGISTRY_ONLY' ? toService(view, service, place, client) : toCluster(blackHoleCluster);
  const origins = [...new Set([port.origin, ...chains.map(({ origin }) => origin)])];
  const key = `${name} ${options.explainFailures} ${JSON.stringify(unknown)} ${chainsText(chains)}`;
  return cache.once('bound service listener', origins, key, () => {
    const made = outboundChains(name, chains, () => filterChain('', tcpProxy(unknown, options.settings)), options);
    const message = create(ListenerSchema, {
      name,
      address: socketAddress(at.address, at.listen),
      trafficDirection: TrafficDirection.OUTBOUND,
      continueOnListenerFiltersTimeout: true,
      ...made,
      accessLog: [...listenerAccessLogs(options.settings)],
    });
    return makeUnit(
      typeUrls.listener,
      name,
      ListenerSchema,
      message,
      origins.map((origin) => [{ kind: 'listener', listener: name }, origin]),
    );
  });
}

/** Whatever is HTTP by the service's own routes. */
function httpChain(view: Scope, service: Service, port: ServicePort): OutboundChain {
  const routes = { kind: 'service', name: hostAndPort(service.hostname, port.number), view, service, port } as const;
  return {
    serverNames: [],
    prefixes: [],
    sniffedHttp: port.protocol === 'auto',
    content: { kind: 'http', routes, protocol: port.protocol },
    origin: port.origin,
  };
}

/**
 * The HTTP proxy: requests carry absolute URLs, whose host says where they go. `port`: MeshConfig.proxyHttpPort; without it nothing
 * is redirected, and CONNECT is taken, too.
 */
export function httpProxyListener(address: string, listen: number, options: OutboundOptions, port?: number): Unit {
  const name = listenerName(address, port ?? loopbackProxyPort);
  const manager = httpConnectionManager(
    {
      side: 'http-proxy',
      routes: { kind: 'discovered', name: httpProxyRouteConfig },
      statPrefix: `outbound_${name}`,
      protocol: 'http',
      explainFailures: options.explainFailures,
      forwardsByHost: options.forwardsByHost === true,
      endsConnect: port === undefined,
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
