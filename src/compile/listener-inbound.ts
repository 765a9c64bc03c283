// In: what a sidecar serves. Out: its inbound side: with redirection one listener `virtualInbound` with the chains of each port and others for
// whatever else arrives; without, one listener per port on an address of its own.
import { listenerAccessLogs } from '#compile/access-log.ts';
import { additionalAddresses, socketAddress } from '#compile/address.ts';
import { capturePort, catchAllChains, type InboundOptions, inboundName, portChains } from '#compile/inbound-chains.ts';
import type { InboundPort } from '#compile/inbound-port.ts';
import { detectionTimeout, inspectors, originalDestination } from '#compile/listener-filters.ts';
import { inboundClusterName } from '#compile/names.ts';
import { makeUnit, type Unit } from '#compile/unit.ts';
import { create } from '#envoy/create.ts';
import { TrafficDirection } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import type { NodeOrigin } from '#envoy/origin-table.ts';
import { typeUrls } from '#envoy/type-url.ts';

/** `virtualInbound` on 15006: a loop stopper, chains for ports no service knows, and the chains of each port. */
export function virtualInboundListener(ports: readonly InboundPort[], options: InboundOptions): Unit {
  const name = 'virtualInbound';
  const { settings } = options;
  const chains = [...catchAllChains(ports, options), ...ports.flatMap((port) => portChains(port, port.targetPort, options))];
  const message = create(ListenerSchema, {
    name,
    address: socketAddress(options.any, capturePort(settings)),
    ...additionalAddresses(options.alsoAny, capturePort(settings)),
    trafficDirection: TrafficDirection.INBOUND,
    continueOnListenerFiltersTimeout: true,
    listenerFiltersTimeout: detectionTimeout(settings),
    listenerFilters: [originalDestination(), ...inspectors(chains)],
    filterChains: chains,
    accessLog: [...listenerAccessLogs(settings)],
  });
  return makeUnit(
    typeUrls.listener,
    name,
    ListenerSchema,
    message,
    ports.flatMap((port) => chainOrigins(name, port, options)),
  );
}

/** One listener for one port; none where nobody may connect. It is named after the port of the container, wherever it listens. */
export function boundInboundListener(port: InboundPort, address: string, listen: number, options: InboundOptions): readonly Unit[] {
  const name = inboundName(port, options);
  const chains = portChains(port, undefined, options);
  if (chains.length === 0) return [];
  const listenerFilters = inspectors(chains);
  const message = create(ListenerSchema, {
    name,
    address: socketAddress(address, listen),
    trafficDirection: TrafficDirection.INBOUND,
    continueOnListenerFiltersTimeout: true,
    ...(listenerFilters.length > 0 && { listenerFilters: [...listenerFilters], listenerFiltersTimeout: detectionTimeout(options.settings) }),
    filterChains: [...chains],
    accessLog: [...listenerAccessLogs(options.settings)],
  });
  const origins: readonly NodeOrigin[] = [[{ kind: 'listener', listener: name }, port.servicePort.origin], ...chainOrigins(name, port, options)];
  return [makeUnit(typeUrls.listener, name, ListenerSchema, message, origins)];
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
