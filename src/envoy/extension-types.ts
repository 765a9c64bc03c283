// The types that may stand in the typed configuration of resources that Heddle makes, by name: for reading and printing what is in an Any.
import { createRegistry, type Registry } from '@bufbuild/protobuf';
import { FileAccessLogSchema } from '#envoy/gen/envoy/extensions/access_loggers/file/v3/file_pb.js';
import { StderrAccessLogSchema, StdoutAccessLogSchema } from '#envoy/gen/envoy/extensions/access_loggers/stream/v3/stream_pb.js';
import { GrpcWebSchema } from '#envoy/gen/envoy/extensions/filters/http/grpc_web/v3/grpc_web_pb.js';
import { RBACSchema as HttpRbacSchema, RBACPerRouteSchema } from '#envoy/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { RouterSchema } from '#envoy/gen/envoy/extensions/filters/http/router/v3/router_pb.js';
import { HttpInspectorSchema } from '#envoy/gen/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.js';
import { OriginalDstSchema } from '#envoy/gen/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.js';
import { TlsInspectorSchema } from '#envoy/gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js';
import { HttpConnectionManagerSchema } from '#envoy/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { RBACSchema as NetworkRbacSchema } from '#envoy/gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';
import { TcpProxySchema } from '#envoy/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import { PreserveCaseFormatterConfigSchema } from '#envoy/gen/envoy/extensions/http/header_formatters/preserve_case/v3/preserve_case_pb.js';
import { UuidRequestIdConfigSchema } from '#envoy/gen/envoy/extensions/request_id/uuid/v3/uuid_pb.js';
import { PreviousHostsPredicateSchema } from '#envoy/gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js';
import { RawBufferSchema } from '#envoy/gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.js';
import { DownstreamTlsContextSchema, UpstreamTlsContextSchema } from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { HttpProtocolOptionsSchema } from '#envoy/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import { TypedStructSchema as OldTypedStructSchema } from '#envoy/gen/udpa/type/v1/typed_struct_pb.js';
import { TypedStructSchema } from '#envoy/gen/xds/type/v3/typed_struct_pb.js';

export const extensionTypes: Registry = createRegistry(
  FileAccessLogSchema,
  StdoutAccessLogSchema,
  StderrAccessLogSchema,
  GrpcWebSchema,
  HttpRbacSchema,
  RBACPerRouteSchema,
  RouterSchema,
  HttpInspectorSchema,
  OriginalDstSchema,
  TlsInspectorSchema,
  HttpConnectionManagerSchema,
  NetworkRbacSchema,
  TcpProxySchema,
  PreserveCaseFormatterConfigSchema,
  UuidRequestIdConfigSchema,
  PreviousHostsPredicateSchema,
  RawBufferSchema,
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
  HttpProtocolOptionsSchema,
  TypedStructSchema,
  OldTypedStructSchema,
);
