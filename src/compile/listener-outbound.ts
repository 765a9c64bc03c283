// In: what a namespace sees. Out: the outbound listeners of its sidecars when traffic is redirected to them: `virtualOutbound`, which
// hands each connection to the listener of its destination; `0.0.0.0_80` for all HTTP services on a port; `10.96.0.10_9000` for each
// service that speaks something else, or something unknown.
import { create } from '@bufbuild/protobuf';
import { listenerAccessLogs } from '#compile/access-log.ts';
import { socketAddress } from '#compile/address.ts';
import type { CompileCache } from '#compile/compile-cache.ts';
import { noTimeout } from '#compile/durations.ts';
import { filterChain } from '#compile/filter-chain.ts';
import { httpConnectionManager } from '#compile/http-connection-manager.ts';
import { httpInspector } from '#compile/listener-filters.ts';
import { blackHoleCluster, hostAndPort, listenerName, outboundCapturePort, outboundClusterName, passthroughCluster } from '#compile/names.ts';
import type { Scope } from '#compile/scope.ts';
import { tcpProxy } from '#compile/tcp-proxy.ts';
import { makeUnit, type Unit } from '#compile/unit.ts';
import { TrafficDirection } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import type { FilterChain } from '#envoy/gen/envoy/config/listener/v3/listener_components_pb.js';
import { ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import { typeUrls } from '#envoy/type-url.ts';
import type { MeshSettings } from '#model/mesh.ts';
import { isHttp, type Protocol } from '#model/protocol.ts';
import type { Service, ServicePort } from '#model/service.ts';

export type OutboundOptions = { readonly explainFailures: boolean; readonly settings: MeshSettings };

const wildcardAddress = '0.0.0.0';

/** All outbound listeners for redirected traffic, each service's in the order of names. */
export function redirectedOutboundListeners(scope: Scope, options: OutboundOptions, cache: CompileCache): readonly Unit[] {
  const httpPorts = new Map<number, ServicePort>();
  const own: Unit[] = [];
  const taken = new Set<string>();
  const explain = String(options.explainFailures);
  for (const service of scope.services.values()) {
    for (const port of service.ports) {
      if (port.protocol === 'udp') continue;
      if (isHttp(port.protocol)) {
        if (!httpPorts.has(port.number)) httpPorts.set(port.number, port);
        continue;
      }
      for (const address of listenAddresses(service, port)) {
        const name = listenerName(address, port.number);
        // Two services on one address and port: the first keeps it, as in Istio.
        if (taken.has(name)) continue;
        taken.add(name);
        own.push(cache.once('service listener', [port], `${name} ${explain}`, () => serviceListener(service, port, address, options)));
      }
    }
  }
  const shared = [...httpPorts.values()]
    .sort((a, b) => a.number - b.number)
    .map((port) => cache.once('port listener', [port], explain, () => portListener(port, options)));
  return [cache.once('virtual outbound listener', [], explain, () => virtualOutboundListener(options)), ...shared, ...own];
}

/** Where an app connects to for a service that is not HTTP: its virtual address, or each endpoint of a headless one. */
function listenAddresses(service: Service, port: ServicePort): readonly string[] {
  if (!service.headless) return service.addresses.slice(0, 1);
  return [...new Set(service.endpoints.filter(({ servicePortNumber }) => servicePortNumber === port.number).map(({ address }) => address))];
}

function virtualOutboundListener(options: OutboundOptions): Unit {
  const name = 'virtualOutbound';
  const message = create(ListenerSchema, {
    name,
    address: socketAddress(wildcardAddress, outboundCapturePort),
    useOriginalDst: true,
    trafficDirection: TrafficDirection.OUTBOUND,
    filterChains: [
      // A connection to 15001 itself would come back for ever.
      filterChain('virtualOutbound-blackhole', tcpProxy(blackHoleCluster, options.settings, { log: false }), {
        destinationPort: outboundCapturePort,
      }),
      filterChain('virtualOutbound-catchall-tcp', unknownDestination(options)),
    ],
    accessLog: [...listenerAccessLogs(options.settings)],
  });
  return makeUnit(typeUrls.listener, name, ListenerSchema, message);
}

/** MeshConfig.outboundTrafficPolicy for connections: on to where they were going, or nowhere. */
function unknownDestination({ settings }: OutboundOptions): ReturnType<typeof tcpProxy> {
  return tcpProxy(settings.outboundTrafficPolicy === 'ALLOW_ANY' ? passthroughCluster : blackHoleCluster, settings);
}

/** `0.0.0.0_80`: HTTP by the routes `80`; what is not HTTP is for a destination the mesh does not know. */
function portListener(port: ServicePort, options: OutboundOptions): Unit {
  const name = listenerName(wildcardAddress, port.number);
  const chain = httpChain(name, String(port.number), port.protocol, options, true);
  return listener(name, wildcardAddress, port, [chain], filterChain('PassthroughFilterChain', unknownDestination(options)), options);
}

/** `10.96.0.10_9000`: bytes to the service, or where the protocol is unknown, HTTP by the routes `host:port` when it is HTTP. */
function serviceListener(service: Service, port: ServicePort, address: string, options: OutboundOptions): Unit {
  const name = listenerName(address, port.number);
  const bytes = filterChain('', tcpProxy(outboundClusterName(port.number, undefined, service.hostname), options.settings));
  if (port.protocol !== 'auto') return listener(name, address, port, [bytes], undefined, options);
  const http = httpChain(name, hostAndPort(service.hostname, port.number), port.protocol, options, true);
  return listener(name, address, port, [http], bytes, options);
}

/** The chain for HTTP of an outbound listener. `sniffed`: only connections that the HTTP inspector found to be HTTP. */
export function httpChain(listener: string, routes: string, protocol: Protocol, options: OutboundOptions, sniffed: boolean): FilterChain {
  const manager = httpConnectionManager(
    {
      side: 'sidecar-outbound',
      routes: { kind: 'discovered', name: routes },
      statPrefix: `outbound_${listener}`,
      protocol,
      explainFailures: options.explainFailures,
    },
    options.settings,
  );
  return filterChain('', manager, sniffed ? { plaintextHttp: true } : undefined);
}

function listener(
  name: string,
  address: string,
  port: ServicePort,
  filterChains: FilterChain[],
  defaultFilterChain: FilterChain | undefined,
  options: OutboundOptions,
): Unit {
  const message = create(ListenerSchema, {
    name,
    address: socketAddress(address, port.number),
    // Not a socket: virtualOutbound hands connections over by their original destination.
    bindToPort: false,
    trafficDirection: TrafficDirection.OUTBOUND,
    continueOnListenerFiltersTimeout: true,
    listenerFiltersTimeout: noTimeout(),
    ...(defaultFilterChain !== undefined && { listenerFilters: [httpInspector()], defaultFilterChain }),
    filterChains,
    accessLog: [...listenerAccessLogs(options.settings)],
  });
  return makeUnit(typeUrls.listener, name, ListenerSchema, message, [[{ kind: 'listener', listener: name }, port.origin]]);
}
