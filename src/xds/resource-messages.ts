// Which protobuf message stands behind each resource type, and under which name it is asked for.
import { fromBinary } from '@bufbuild/protobuf';
import { type Cluster, ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { type ClusterLoadAssignment, ClusterLoadAssignmentSchema } from '#envoy/gen/envoy/config/endpoint/v3/endpoint_pb.js';
import { type Listener, ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import { type RouteConfiguration, RouteConfigurationSchema } from '#envoy/gen/envoy/config/route/v3/route_pb.js';
import { type Secret, SecretSchema } from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { type NameTable, NameTableSchema } from '#envoy/gen/istio/networking/nds/v1/nds_pb.js';
import { nameTableName, type TypeUrl, typeUrls } from '#envoy/type-url.ts';

/** The message of each type. */
export type ResourceMessages = {
  readonly [typeUrls.cluster]: Cluster;
  readonly [typeUrls.endpoint]: ClusterLoadAssignment;
  readonly [typeUrls.listener]: Listener;
  readonly [typeUrls.route]: RouteConfiguration;
  readonly [typeUrls.secret]: Secret;
  readonly [typeUrls.nameTable]: NameTable;
};

type Reader<Message> = { readonly read: (bytes: Uint8Array) => Message; readonly nameOf: (message: Message) => string };

const readers: { readonly [Type in TypeUrl]: Reader<ResourceMessages[Type]> } = {
  [typeUrls.cluster]: { read: (bytes) => fromBinary(ClusterSchema, bytes), nameOf: (cluster) => cluster.name },
  [typeUrls.endpoint]: { read: (bytes) => fromBinary(ClusterLoadAssignmentSchema, bytes), nameOf: (assignment) => assignment.clusterName },
  [typeUrls.listener]: { read: (bytes) => fromBinary(ListenerSchema, bytes), nameOf: (listener) => listener.name },
  [typeUrls.route]: { read: (bytes) => fromBinary(RouteConfigurationSchema, bytes), nameOf: (route) => route.name },
  [typeUrls.secret]: { read: (bytes) => fromBinary(SecretSchema, bytes), nameOf: (secret) => secret.name },
  // There is one, and it has no name in itself.
  [typeUrls.nameTable]: { read: (bytes) => fromBinary(NameTableSchema, bytes), nameOf: () => nameTableName },
};

export function isTypeUrl(text: string): text is TypeUrl {
  return Object.hasOwn(readers, text);
}

/** The message in `bytes` and the name it goes by in xDS; throws on bytes that are no such message. */
export function readResource<Type extends TypeUrl>(
  typeUrl: Type,
  bytes: Uint8Array,
): { readonly name: string; readonly message: ResourceMessages[Type] } {
  const reader: Reader<ResourceMessages[Type]> = readers[typeUrl];
  const message = reader.read(bytes);
  return { name: reader.nameOf(message), message };
}

/** `Cluster`, `Listener`, …: the last word of a type URL, as people say it. */
export function shortTypeName(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf('.') + 1);
}
