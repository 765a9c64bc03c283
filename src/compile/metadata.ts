// `filter_metadata.istio`: what Istio's telemetry and every trace of a decision read. Never more than Istio's own keys; what Heddle says of
// its own stands under `heddle`.
import type { JsonObject } from '@bufbuild/protobuf';
import { create } from '#envoy/create.ts';
import { type Metadata, MetadataSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import type { Service, ServicePort } from '#model/service.ts';

export function istioMetadata(fields: JsonObject): Metadata {
  return create(MetadataSchema, { filterMetadata: { istio: fields } });
}

/** `takesMtls`: what the cluster's transport_socket_matches look for. Source: Istio, AppendLbEndpointMetadata. */
export function endpointMetadata(workload: string, takesMtls: boolean): Metadata {
  const metadata = istioMetadata({ workload });
  if (takesMtls) metadata.filterMetadata['envoy.transport_socket_match'] = { tlsMode: 'istio' };
  return metadata;
}

/** `config`: the path of the resource that made a route; `faults`: what is wrong with it, a line each, for the body of failed requests. */
export function routeMetadata(config: string, faults: readonly string[]): Metadata {
  const metadata = istioMetadata({ config });
  if (faults.length > 0) metadata.filterMetadata['heddle'] = { fault: faults.join('\n') };
  return metadata;
}

/** `services` and `default_original_port` of a cluster that belongs to `services`. */
export function clusterMetadata(
  services: readonly Pick<Service, 'hostname' | 'name' | 'namespace'>[],
  port: Pick<ServicePort, 'number'>,
  more: JsonObject = {},
): Metadata {
  const metadata = istioMetadata({
    default_original_port: port.number,
    services: services.map(({ hostname, name, namespace }) => ({ host: hostname, name, namespace })),
    ...more,
  });
  const [first] = services;
  if (first !== undefined) metadata.filterMetadata['heddle'] = { service: serviceText(first) };
  return metadata;
}

/** What telemetry says of a cluster that no service has: its name in place of the service's. Source: Istio, istio_stats. */
export function namedMetadata(cluster: string): Metadata {
  return create(MetadataSchema, { filterMetadata: { heddle: { service: `;${cluster};` } } });
}

/** `host;name;namespace`: the first of a cluster's services as one text, which log formats can name. */
function serviceText({ hostname, name, namespace }: Pick<Service, 'hostname' | 'name' | 'namespace'>): string {
  return `${hostname};${name};${namespace}`;
}
