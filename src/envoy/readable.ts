// xDS as people and `envoy` read it: JSON with the proto's own field names, typed configuration unpacked. A type that is not in the list
// below is shown by its name and base64, never refused.
import { clone, create, createRegistry, type DescMessage, type JsonValue, type Message, type Registry, toBinary, toJson } from '@bufbuild/protobuf';
import { type Any, AnySchema, anyUnpack, StructSchema } from '@bufbuild/protobuf/wkt';
import { FileAccessLogSchema } from '#envoy/gen/envoy/extensions/access_loggers/file/v3/file_pb.js';
import { StderrAccessLogSchema, StdoutAccessLogSchema } from '#envoy/gen/envoy/extensions/access_loggers/stream/v3/stream_pb.js';
import { CorsSchema } from '#envoy/gen/envoy/extensions/filters/http/cors/v3/cors_pb.js';
import { HTTPFaultSchema } from '#envoy/gen/envoy/extensions/filters/http/fault/v3/fault_pb.js';
import { GrpcWebSchema } from '#envoy/gen/envoy/extensions/filters/http/grpc_web/v3/grpc_web_pb.js';
import { RBACSchema as HttpRbacSchema } from '#envoy/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { RouterSchema } from '#envoy/gen/envoy/extensions/filters/http/router/v3/router_pb.js';
import { HttpInspectorSchema } from '#envoy/gen/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.js';
import { OriginalDstSchema } from '#envoy/gen/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.js';
import { TlsInspectorSchema } from '#envoy/gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js';
import { HttpConnectionManagerSchema } from '#envoy/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { RBACSchema as NetworkRbacSchema } from '#envoy/gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';
import { TcpProxySchema } from '#envoy/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import { UuidRequestIdConfigSchema } from '#envoy/gen/envoy/extensions/request_id/uuid/v3/uuid_pb.js';
import { PreviousHostsPredicateSchema } from '#envoy/gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js';
import { DownstreamTlsContextSchema, UpstreamTlsContextSchema } from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { HttpProtocolOptionsSchema } from '#envoy/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import type { XdsResource } from '#envoy/resource.ts';

/** The types that appear as typed configuration in what Heddle compiles, or what users write in bootstraps. */
const typedConfigs: readonly DescMessage[] = [
  HttpConnectionManagerSchema,
  TcpProxySchema,
  RouterSchema,
  GrpcWebSchema,
  CorsSchema,
  HTTPFaultSchema,
  HttpRbacSchema,
  NetworkRbacSchema,
  HttpInspectorSchema,
  TlsInspectorSchema,
  OriginalDstSchema,
  FileAccessLogSchema,
  StdoutAccessLogSchema,
  StderrAccessLogSchema,
  HttpProtocolOptionsSchema,
  PreviousHostsPredicateSchema,
  UuidRequestIdConfigSchema,
  UpstreamTlsContextSchema,
  DownstreamTlsContextSchema,
  StructSchema,
];

/** The resource's message as JSON. */
export function readableResource(resource: XdsResource): JsonValue {
  const registry = createRegistry(...typedConfigs);
  const shown = clone(resource.schema, resource.message);
  replaceUnknown(shown, registry);
  return toJson(resource.schema, shown, { registry, useProtoFieldName: true });
}

/** Goes through a message, which is plain objects, and makes each Any in it one that JSON can show. */
function replaceUnknown(value: unknown, registry: Registry): void {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return;
  if (isAny(value)) {
    makeReadable(value, registry);
    return;
  }
  for (const child of Object.values(value)) replaceUnknown(child, registry);
}

function makeReadable(any: Any, registry: Registry): void {
  const message: Message | undefined = anyUnpack(any, registry);
  const schema = message === undefined ? undefined : registry.getMessage(message.$typeName);
  if (message === undefined || schema === undefined) {
    if (any.typeUrl === '') return;
    const shown = { type_url: any.typeUrl, value: Buffer.from(any.value).toString('base64') };
    Object.assign(any, create(AnySchema, { typeUrl: `type.googleapis.com/${StructSchema.typeName}`, value: structBytes(shown) }));
    return;
  }
  replaceUnknown(message, registry);
  any.value = toBinary(schema, message);
}

function structBytes(fields: Readonly<Record<string, string>>): Uint8Array {
  const entries = Object.entries(fields).map(([key, text]) => [key, { kind: { case: 'stringValue', value: text } }] as const);
  return toBinary(StructSchema, create(StructSchema, { fields: Object.fromEntries(entries) }));
}

function isAny(value: object): value is Any {
  return '$typeName' in value && value.$typeName === AnySchema.typeName;
}
