// How a cluster speaks to its endpoints: HTTP/2 where the port says so, as the client did where the protocol is sniffed, else HTTP/1.1.
import type { Any } from '@bufbuild/protobuf/wkt';
import { duration } from '#compile/durations.ts';
import { packAny } from '#envoy/any.ts';
import { HttpProtocolOptionsSchema } from '#envoy/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import { isHttp2, type Protocol } from '#model/protocol.ts';

const extension = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

type ProtocolOptions = Readonly<Record<string, Any>>;

/** The cluster's typed_extension_protocol_options; empty means HTTP/1.1. Gateways never mirror the client: it may well be HTTP/2 by TLS. */
export function upstreamProtocolOptions(protocol: Protocol, client: 'sidecar' | 'router'): ProtocolOptions {
  if (isHttp2(protocol)) {
    return {
      [extension]: packAny(HttpProtocolOptionsSchema, {
        upstreamProtocolOptions: {
          case: 'explicitHttpConfig',
          value: { protocolConfig: { case: 'http2ProtocolOptions', value: {} } },
        },
      }),
    };
  }
  if (protocol === 'auto' && client === 'sidecar') {
    return {
      [extension]: packAny(HttpProtocolOptionsSchema, {
        upstreamProtocolOptions: { case: 'useDownstreamProtocolConfig', value: { httpProtocolOptions: {}, http2ProtocolOptions: {} } },
      }),
    };
  }
  return {};
}

/** For PassthroughCluster and its like: mirrors the client, and drops connections that are idle for five minutes. */
export function passthroughProtocolOptions(): ProtocolOptions {
  return {
    [extension]: packAny(HttpProtocolOptionsSchema, {
      commonHttpProtocolOptions: { idleTimeout: duration(300_000) },
      upstreamProtocolOptions: { case: 'useDownstreamProtocolConfig', value: { httpProtocolOptions: {}, http2ProtocolOptions: {} } },
    }),
  };
}
