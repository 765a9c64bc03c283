// The two streams of Envoy's aggregated discovery service, as gRPC methods over plain bytes. Both ends decode and encode by
// themselves, so that the server can send bytes it has already made.

/** Identity: gRPC hands us what came off the wire, and sends what we give it. */
function sameBytes(bytes: Buffer): Buffer {
  return bytes;
}

/** A stream of bytes both ways. */
export function bytesStream(path: string) {
  return {
    path,
    requestStream: true as const,
    responseStream: true as const,
    requestSerialize: sameBytes,
    requestDeserialize: sameBytes,
    responseSerialize: sameBytes,
    responseDeserialize: sameBytes,
  };
}

/** State of the world and delta: one port serves both, and each stream speaks one of them to its end. */
export const adsService = {
  streamAggregatedResources: bytesStream('/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources'),
  deltaAggregatedResources: bytesStream('/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources'),
};

/** How a stream says what it has: all resources of a type each time, or only what changed. */
export type XdsMode = 'sotw' | 'delta';

/** The name that stands for "everything of this type" in a list of resource names. */
export const wildcardName = '*';
