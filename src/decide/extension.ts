// The extensions of Envoy that may stand in an Any of our resources: one list, by message. A type that is not in it cannot be unpacked.
// What is written as a TypedStruct (JSON with the name of its type) is that type. The descriptors of a type take room and time to make, and most
// proxies meet few of these types: each is loaded when a configuration first names it.
import { type DescMessage, fromJson, type JsonObject, type Registry } from '@bufbuild/protobuf';
import { type Any, anyUnpack } from '@bufbuild/protobuf/wkt';
import type { FilterConfig } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import type { FileAccessLog } from '#envoy/gen/envoy/extensions/access_loggers/file/v3/file_pb.js';
import type { Config as StatsAccessLog } from '#envoy/gen/envoy/extensions/access_loggers/stats/v3/stats_pb.js';
import type { StderrAccessLog, StdoutAccessLog } from '#envoy/gen/envoy/extensions/access_loggers/stream/v3/stream_pb.js';
import type { ClusterConfig } from '#envoy/gen/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster_pb.js';
import type { Buffer, BufferPerRoute } from '#envoy/gen/envoy/extensions/filters/http/buffer/v3/buffer_pb.js';
import type { Cors, CorsPolicy } from '#envoy/gen/envoy/extensions/filters/http/cors/v3/cors_pb.js';
import type { FilterConfig as DynamicForwardProxy } from '#envoy/gen/envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy_pb.js';
import type { ExtAuthzPerRoute, ExtAuthz as HttpExtAuthz } from '#envoy/gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js';
import type { HTTPFault } from '#envoy/gen/envoy/extensions/filters/http/fault/v3/fault_pb.js';
import type { GrpcWeb } from '#envoy/gen/envoy/extensions/filters/http/grpc_web/v3/grpc_web_pb.js';
import type { JwtAuthentication, PerRouteConfig as JwtPerRoute } from '#envoy/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js';
import type { LocalRateLimit } from '#envoy/gen/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.js';
import type { RBAC as HttpRbac, RBACPerRoute } from '#envoy/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import type { Router } from '#envoy/gen/envoy/extensions/filters/http/router/v3/router_pb.js';
import type { Config as FilterState } from '#envoy/gen/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.js';
import type { HttpInspector } from '#envoy/gen/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.js';
import type { OriginalDst } from '#envoy/gen/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.js';
import type { ProxyProtocol } from '#envoy/gen/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.js';
import type { TlsInspector } from '#envoy/gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js';
import type { ExtAuthz as NetworkExtAuthz } from '#envoy/gen/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.js';
import type { HttpConnectionManager } from '#envoy/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { RBAC as NetworkRbac } from '#envoy/gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';
import type { TcpProxy } from '#envoy/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import type { PreserveCaseFormatterConfig } from '#envoy/gen/envoy/extensions/http/header_formatters/preserve_case/v3/preserve_case_pb.js';
import type { ClusterProvided } from '#envoy/gen/envoy/extensions/load_balancing_policies/cluster_provided/v3/cluster_provided_pb.js';
import type { LeastRequest } from '#envoy/gen/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.js';
import type { Maglev } from '#envoy/gen/envoy/extensions/load_balancing_policies/maglev/v3/maglev_pb.js';
import type { Random } from '#envoy/gen/envoy/extensions/load_balancing_policies/random/v3/random_pb.js';
import type { RingHash } from '#envoy/gen/envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash_pb.js';
import type { RoundRobin } from '#envoy/gen/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb.js';
import type { UriTemplateMatchConfig } from '#envoy/gen/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.js';
import type { UuidRequestIdConfig } from '#envoy/gen/envoy/extensions/request_id/uuid/v3/uuid_pb.js';
import type { DownstreamConnectionsConfig } from '#envoy/gen/envoy/extensions/resource_monitors/downstream_connections/v3/downstream_connections_pb.js';
import type { PreviousHostsPredicate } from '#envoy/gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js';
import type { PreviousPrioritiesConfig } from '#envoy/gen/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config_pb.js';
import type { ProxyProtocolUpstreamTransport } from '#envoy/gen/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.js';
import type { RawBuffer } from '#envoy/gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.js';
import type { DownstreamTlsContext, UpstreamTlsContext } from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import type { HttpProtocolOptions } from '#envoy/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import { TypedStructSchema as OldTypedStructSchema } from '#envoy/gen/udpa/type/v1/typed_struct_pb.js';
import { TypedStructSchema } from '#envoy/gen/xds/type/v3/typed_struct_pb.js';

/** The messages of the list; `$typeName` tells which one it is. */
export type Extension =
  | FilterConfig
  | FileAccessLog
  | StatsAccessLog
  | StderrAccessLog
  | StdoutAccessLog
  | ClusterConfig
  | BufferPerRoute
  | Buffer
  | CorsPolicy
  | Cors
  | DynamicForwardProxy
  | ExtAuthzPerRoute
  | HttpExtAuthz
  | HTTPFault
  | GrpcWeb
  | JwtAuthentication
  | JwtPerRoute
  | LocalRateLimit
  | HttpRbac
  | RBACPerRoute
  | Router
  | FilterState
  | HttpInspector
  | OriginalDst
  | ProxyProtocol
  | TlsInspector
  | NetworkExtAuthz
  | HttpConnectionManager
  | NetworkRbac
  | TcpProxy
  | PreserveCaseFormatterConfig
  | ClusterProvided
  | LeastRequest
  | Maglev
  | Random
  | RingHash
  | RoundRobin
  | UriTemplateMatchConfig
  | UuidRequestIdConfig
  | PreviousHostsPredicate
  | PreviousPrioritiesConfig
  | ProxyProtocolUpstreamTransport
  | RawBuffer
  | DownstreamTlsContext
  | UpstreamTlsContext
  | HttpProtocolOptions
  | DownstreamConnectionsConfig;

/** By full name: the file of the package that has the message, without `.proto`. */
const files: Readonly<Record<Extension['$typeName'], string>> = {
  'envoy.config.route.v3.FilterConfig': 'route_components',
  'envoy.extensions.access_loggers.file.v3.FileAccessLog': 'file',
  'envoy.extensions.access_loggers.stats.v3.Config': 'stats',
  'envoy.extensions.access_loggers.stream.v3.StderrAccessLog': 'stream',
  'envoy.extensions.access_loggers.stream.v3.StdoutAccessLog': 'stream',
  'envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig': 'cluster',
  'envoy.extensions.filters.http.buffer.v3.Buffer': 'buffer',
  'envoy.extensions.filters.http.buffer.v3.BufferPerRoute': 'buffer',
  'envoy.extensions.filters.http.cors.v3.Cors': 'cors',
  'envoy.extensions.filters.http.cors.v3.CorsPolicy': 'cors',
  'envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig': 'dynamic_forward_proxy',
  'envoy.extensions.filters.http.ext_authz.v3.ExtAuthz': 'ext_authz',
  'envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute': 'ext_authz',
  'envoy.extensions.filters.http.fault.v3.HTTPFault': 'fault',
  'envoy.extensions.filters.http.grpc_web.v3.GrpcWeb': 'grpc_web',
  'envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication': 'config',
  'envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig': 'config',
  'envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit': 'local_rate_limit',
  'envoy.extensions.filters.http.rbac.v3.RBAC': 'rbac',
  'envoy.extensions.filters.http.rbac.v3.RBACPerRoute': 'rbac',
  'envoy.extensions.filters.http.router.v3.Router': 'router',
  'envoy.extensions.filters.http.set_filter_state.v3.Config': 'set_filter_state',
  'envoy.extensions.filters.listener.http_inspector.v3.HttpInspector': 'http_inspector',
  'envoy.extensions.filters.listener.original_dst.v3.OriginalDst': 'original_dst',
  'envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol': 'proxy_protocol',
  'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector': 'tls_inspector',
  'envoy.extensions.filters.network.ext_authz.v3.ExtAuthz': 'ext_authz',
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager': 'http_connection_manager',
  'envoy.extensions.filters.network.rbac.v3.RBAC': 'rbac',
  'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy': 'tcp_proxy',
  'envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig': 'preserve_case',
  'envoy.extensions.load_balancing_policies.cluster_provided.v3.ClusterProvided': 'cluster_provided',
  'envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest': 'least_request',
  'envoy.extensions.load_balancing_policies.maglev.v3.Maglev': 'maglev',
  'envoy.extensions.load_balancing_policies.random.v3.Random': 'random',
  'envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash': 'ring_hash',
  'envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin': 'round_robin',
  'envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig': 'uri_template_match',
  'envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig': 'uuid',
  'envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig': 'downstream_connections',
  'envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate': 'previous_hosts',
  'envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig': 'previous_priorities_config',
  'envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport': 'upstream_proxy_protocol',
  'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer': 'raw_buffer',
  'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext': 'tls',
  'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext': 'tls',
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': 'http_protocol_options',
};

const byName: ReadonlyMap<string, string> = new Map(Object.entries(files));

/** The list as protobuf asks for types: `Any` in JSON and out of it. */
export const extensions: Registry = {
  kind: 'registry',
  *[Symbol.iterator]() {
    for (const name of byName.keys()) {
      const schema = loadMessage(name);
      if (schema !== undefined) yield schema;
    }
  },
  get: loadMessage,
  getMessage: loadMessage,
  getEnum: () => undefined,
  getExtension: () => undefined,
  getExtensionFor: () => undefined,
  getService: () => undefined,
};

const loaded = new Map<string, DescMessage>();

/** In one step, because what asks compiles a configuration in one step. Undefined for a type that is not in the list. */
function loadMessage(name: string): DescMessage | undefined {
  const known = loaded.get(name);
  if (known !== undefined) return known;
  const file = byName.get(name);
  if (file === undefined) return undefined;
  const parts = name.split('.');
  const message = parts.pop() ?? '';
  // By the way from here, which is the same in a clone and in the package: a name that is put together is not rewritten by the build.
  const require = process.getBuiltinModule('node:module').createRequire(import.meta.url);
  // Generated files export the schema of each message under its name.
  const exported = require(`../envoy/gen/${parts.join('/')}/${file}_pb.js`) as Readonly<Record<string, DescMessage | undefined>>;
  const schema = exported[`${message}Schema`];
  if (schema === undefined) throw new Error(`${name} is not in ${file}.proto`);
  loaded.set(name, schema);
  return schema;
}

/**
 * The message in an Any; undefined for types that are not in the list, or content that is not of that type.
 * Source: Envoy, Config::Utility::translateOpaqueConfig.
 */
export function unpackExtension(any: Any): Extension | undefined {
  const struct = unpackStruct(any);
  const schema = loadMessage(lastPart(struct?.typeUrl ?? any.typeUrl));
  if (schema === undefined) return undefined;
  try {
    const message = struct === undefined ? anyUnpack(any, schema) : fromJson(schema, struct.value ?? {}, { registry: extensions });
    // What the schemas of the list make is in the union of the list's messages: the compiler holds the one against the other above.
    return message as Extension | undefined;
  } catch {
    return undefined;
  }
}

/** The full name of the type that an Any holds, such as `envoy.extensions.filters.http.router.v3.Router`. */
export function extensionName(any: Any): string {
  return lastPart(unpackStruct(any)?.typeUrl ?? any.typeUrl);
}

/** Undefined for all other types, and for content that is none. */
function unpackStruct(any: Any): { readonly typeUrl: string; readonly value?: JsonObject | undefined } | undefined {
  try {
    return anyUnpack(any, TypedStructSchema) ?? anyUnpack(any, OldTypedStructSchema);
  } catch {
    return undefined;
  }
}

function lastPart(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
}
