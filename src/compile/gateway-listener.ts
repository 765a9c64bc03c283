// In: a port of a gateway. Out: its listener `0.0.0.0_8080`, which takes its routes from `http.8080`.
import { create } from '@bufbuild/protobuf';
import { listenerAccessLogs } from '#compile/access-log.ts';
import { socketAddress } from '#compile/address.ts';
import { filterChain } from '#compile/filter-chain.ts';
import type { GatewayPort } from '#compile/gateway-server.ts';
import { httpConnectionManager } from '#compile/http-connection-manager.ts';
import type { OutboundOptions } from '#compile/listener-outbound.ts';
import { listenerName } from '#compile/names.ts';
import { gatewayRouteConfigName } from '#compile/route-config-gateway.ts';
import { makeUnit, type Unit } from '#compile/unit.ts';
import { TrafficDirection } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import { typeUrls } from '#envoy/type-url.ts';
import type { Protocol } from '#model/protocol.ts';

/** Where the proxy really binds the port; it is named after the port all the same. */
export type BindAddress = { readonly address: string; readonly port: number };

export function gatewayListener(port: GatewayPort, bind: BindAddress, options: OutboundOptions): Unit {
  const name = listenerName('0.0.0.0', port.port);
  const manager = httpConnectionManager(
    {
      side: 'gateway',
      routes: { kind: 'discovered', name: gatewayRouteConfigName(port.port) },
      statPrefix: `outbound_${name}`,
      protocol: serverProtocol(port),
      explainFailures: options.explainFailures,
    },
    options.settings,
  );
  const message = create(ListenerSchema, {
    name,
    address: socketAddress(bind.address, bind.port),
    trafficDirection: TrafficDirection.OUTBOUND,
    filterChains: [filterChain('', manager)],
    accessLog: [...listenerAccessLogs(options.settings)],
  });
  const node = { kind: 'listener', listener: name } as const;
  return makeUnit(
    typeUrls.listener,
    name,
    ListenerSchema,
    message,
    port.servers.map(({ server }) => [node, server.origin]),
  );
}

function serverProtocol(port: GatewayPort): Protocol {
  const protocols = port.servers.map(({ server }) => server.port.protocol.toUpperCase());
  return protocols.includes('GRPC-WEB') ? 'grpc-web' : 'http';
}
