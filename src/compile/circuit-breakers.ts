// Istio's thresholds: practically none, unless a DestinationRule sets them. Envoy's own (1024, and 3 retries) are hit by ordinary load.
import { create } from '@bufbuild/protobuf';
import { type CircuitBreakers, CircuitBreakersSchema } from '#envoy/gen/envoy/config/cluster/v3/circuit_breaker_pb.js';

const unlimited = 0xffff_ffff;

export function circuitBreakers(): CircuitBreakers {
  return create(CircuitBreakersSchema, {
    thresholds: [{ maxConnections: unlimited, maxPendingRequests: unlimited, maxRequests: unlimited, maxRetries: unlimited, trackRemaining: true }],
  });
}
