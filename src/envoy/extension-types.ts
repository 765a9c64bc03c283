// The types that may stand in the typed configuration of resources that Heddle makes, by name: for reading and printing what is in an Any.
import { createRegistry, type Registry } from '@bufbuild/protobuf';
import { FilterConfigSchema } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import { FileAccessLogSchema } from '#envoy/gen/envoy/extensions/access_loggers/file/v3/file_pb.js';
import { ConfigSchema as StatsAccessLogSchema } from '#envoy/gen/envoy/extensions/access_loggers/stats/v3/stats_pb.js';
import { StderrAccessLogSchema, StdoutAccessLogSchema } from '#envoy/gen/envoy/extensions/access_loggers/stream/v3/stream_pb.js';
import { ClusterConfigSchema } from '#envoy/gen/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster_pb.js';
import { BufferPerRouteSchema, BufferSchema } from '#envoy/gen/envoy/extensions/filters/http/buffer/v3/buffer_pb.js';
import { CorsPolicySchema, CorsSchema } from '#envoy/gen/envoy/extensions/filters/http/cors/v3/cors_pb.js';
import { FilterConfigSchema as DynamicForwardProxySchema } from '#envoy/gen/envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy_pb.js';
import { ExtAuthzPerRouteSchema, ExtAuthzSchema as HttpExtAuthzSchema } from '#envoy/gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js';
import { HTTPFaultSchema } from '#envoy/gen/envoy/extensions/filters/http/fault/v3/fault_pb.js';
import { GrpcWebSchema } from '#envoy/gen/envoy/extensions/filters/http/grpc_web/v3/grpc_web_pb.js';
import { JwtAuthenticationSchema } from '#envoy/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js';
import { LocalRateLimitSchema } from '#envoy/gen/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.js';
import { RBACSchema as HttpRbacSchema, RBACPerRouteSchema } from '#envoy/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { RouterSchema } from '#envoy/gen/envoy/extensions/filters/http/router/v3/router_pb.js';
import { ConfigSchema as FilterStateSchema } from '#envoy/gen/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.js';
import { HttpInspectorSchema } from '#envoy/gen/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.js';
import { OriginalDstSchema } from '#envoy/gen/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.js';
import { ProxyProtocolSchema } from '#envoy/gen/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.js';
import { TlsInspectorSchema } from '#envoy/gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js';
import { ExtAuthzSchema as NetworkExtAuthzSchema } from '#envoy/gen/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.js';
import { HttpConnectionManagerSchema } from '#envoy/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { RBACSchema as NetworkRbacSchema } from '#envoy/gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';
import { TcpProxySchema } from '#envoy/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import { PreserveCaseFormatterConfigSchema } from '#envoy/gen/envoy/extensions/http/header_formatters/preserve_case/v3/preserve_case_pb.js';
import { ClusterProvidedSchema } from '#envoy/gen/envoy/extensions/load_balancing_policies/cluster_provided/v3/cluster_provided_pb.js';
import { LeastRequestSchema } from '#envoy/gen/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.js';
import { MaglevSchema } from '#envoy/gen/envoy/extensions/load_balancing_policies/maglev/v3/maglev_pb.js';
import { RandomSchema } from '#envoy/gen/envoy/extensions/load_balancing_policies/random/v3/random_pb.js';
import { RingHashSchema } from '#envoy/gen/envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash_pb.js';
import { RoundRobinSchema } from '#envoy/gen/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb.js';
import { UriTemplateMatchConfigSchema } from '#envoy/gen/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.js';
import { UuidRequestIdConfigSchema } from '#envoy/gen/envoy/extensions/request_id/uuid/v3/uuid_pb.js';
import { PreviousHostsPredicateSchema } from '#envoy/gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js';
import { PreviousPrioritiesConfigSchema } from '#envoy/gen/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config_pb.js';
import { ProxyProtocolUpstreamTransportSchema } from '#envoy/gen/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.js';
import { RawBufferSchema } from '#envoy/gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.js';
import { DownstreamTlsContextSchema, UpstreamTlsContextSchema } from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { HttpProtocolOptionsSchema } from '#envoy/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import { TypedStructSchema as OldTypedStructSchema } from '#envoy/gen/udpa/type/v1/typed_struct_pb.js';
import { TypedStructSchema } from '#envoy/gen/xds/type/v3/typed_struct_pb.js';

export const extensionTypes: Registry = createRegistry(
  ProxyProtocolUpstreamTransportSchema,
  RoundRobinSchema,
  RingHashSchema,
  RandomSchema,
  MaglevSchema,
  LeastRequestSchema,
  ClusterProvidedSchema,
  BufferSchema,
  BufferPerRouteSchema,
  FilterConfigSchema,
  FileAccessLogSchema,
  StatsAccessLogSchema,
  StdoutAccessLogSchema,
  StderrAccessLogSchema,
  CorsSchema,
  CorsPolicySchema,
  ClusterConfigSchema,
  DynamicForwardProxySchema,
  HTTPFaultSchema,
  GrpcWebSchema,
  LocalRateLimitSchema,
  HttpExtAuthzSchema,
  ExtAuthzPerRouteSchema,
  NetworkExtAuthzSchema,
  JwtAuthenticationSchema,
  UriTemplateMatchConfigSchema,
  HttpRbacSchema,
  RBACPerRouteSchema,
  RouterSchema,
  FilterStateSchema,
  HttpInspectorSchema,
  OriginalDstSchema,
  ProxyProtocolSchema,
  TlsInspectorSchema,
  HttpConnectionManagerSchema,
  NetworkRbacSchema,
  TcpProxySchema,
  PreserveCaseFormatterConfigSchema,
  UuidRequestIdConfigSchema,
  PreviousHostsPredicateSchema,
  PreviousPrioritiesConfigSchema,
  RawBufferSchema,
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
  HttpProtocolOptionsSchema,
  TypedStructSchema,
  OldTypedStructSchema,
);
