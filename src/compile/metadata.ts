// `filter_metadata.istio`: what Istio's telemetry and every trace of a decision read. Never more than Istio's own keys.
import { create, type JsonObject } from '@bufbuild/protobuf';
import { type Metadata, MetadataSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import type { Service, ServicePort } from '#model/service.ts';

export function istioMetadata(fields: JsonObject): Metadata {
  return create(MetadataSchema, { filterMetadata: { istio: fields } });
}

/** `services` and `default_original_port` of a cluster that belongs to `services`. */
export function clusterMetadata(services: readonly Service[], port: ServicePort, more: JsonObject = {}): Metadata {
  return istioMetadata({
    default_original_port: port.number,
    services: services.map(({ hostname, name, namespace }) => ({ host: hostname, name, namespace })),
    ...more,
  });
}
