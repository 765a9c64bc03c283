// DestinationRule proxyProtocol: connections begin by saying who the client is, before TLS. Source: Istio, applyUpstreamProxyProtocol.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { packAny } from '#envoy/any.ts';
import type { TransportSocketSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { ProxyProtocolConfig_Version } from '#envoy/gen/envoy/config/core/v3/proxy_protocol_pb.js';
import { ProxyProtocolUpstreamTransportSchema } from '#envoy/gen/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.js';
import { RawBufferSchema } from '#envoy/gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.js';
import type { TrafficPolicy } from '#model/destination-rule.ts';

type Socket = MessageInitShape<typeof TransportSocketSchema>;

/** What connections speak that are not encrypted, where it has to be said. */
export const plaintextSocket: Socket = {
  name: 'envoy.transport_sockets.raw_buffer',
  configType: { case: 'typedConfig', value: packAny(RawBufferSchema, {}) },
};

/** `inner`: what connections speak after that, plain where undefined. */
export function announceClient(announced: TrafficPolicy['proxyProtocol'], inner: Socket | undefined): Socket | undefined {
  if (announced === undefined) return inner;
  const version = announced.version === 2 ? ProxyProtocolConfig_Version.V2 : ProxyProtocolConfig_Version.V1;
  const transportSocket = inner ?? plaintextSocket;
  return {
    name: 'envoy.transport_sockets.upstream_proxy_protocol',
    configType: { case: 'typedConfig', value: packAny(ProxyProtocolUpstreamTransportSchema, { config: { version }, transportSocket }) },
  };
}
