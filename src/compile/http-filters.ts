// The HTTP filters of every connection manager, in the order in which a request passes them.
import { create } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { packAny } from '#envoy/any.ts';
import { GrpcWebSchema } from '#envoy/gen/envoy/extensions/filters/http/grpc_web/v3/grpc_web_pb.js';
import { RouterSchema } from '#envoy/gen/envoy/extensions/filters/http/router/v3/router_pb.js';
import {
  type HttpFilter,
  HttpFilterSchema,
} from '#envoy/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { Protocol } from '#model/protocol.ts';

type FilterRow = { readonly name: string; readonly config: () => Any; readonly when: (protocol: Protocol) => boolean };

const filters: readonly FilterRow[] = [
  // First, so that all behind it see gRPC, not its disguise for browsers.
  { name: 'envoy.filters.http.grpc_web', config: () => packAny(GrpcWebSchema, {}), when: (protocol) => protocol === 'grpc-web' },
  // Last: it ends the chain and sends the request on.
  { name: 'envoy.filters.http.router', config: () => packAny(RouterSchema, {}), when: () => true },
];

/** The filters for a port of this protocol. */
export function httpFilters(protocol: Protocol): readonly HttpFilter[] {
  return filters
    .filter(({ when }) => when(protocol))
    .map(({ name, config }) => create(HttpFilterSchema, { name, configType: { case: 'typedConfig', value: config() } }));
}
