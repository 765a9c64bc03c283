// The retry policy of routes that do not set one: Istio's defaults.
import { create } from '@bufbuild/protobuf';
import { packAny } from '#envoy/any.ts';
import { type RetryPolicy, RetryPolicySchema } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import { PreviousHostsPredicateSchema } from '#envoy/gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js';

/** Two more attempts, each on another endpoint, for failures in which the request cannot have been processed. */
export function defaultRetryPolicy(): RetryPolicy {
  return create(RetryPolicySchema, {
    retryOn: 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes',
    numRetries: 2,
    hostSelectionRetryMaxAttempts: 5n,
    retryHostPredicate: [
      {
        name: 'envoy.retry_host_predicates.previous_hosts',
        configType: { case: 'typedConfig', value: packAny(PreviousHostsPredicateSchema, {}) },
      },
    ],
  });
}

/** Towards the app: only when the connection broke before the request went out, as when the app closed it while idle. */
export function inboundRetryPolicy(): RetryPolicy {
  return create(RetryPolicySchema, { retryOn: 'reset-before-request', numRetries: 2 });
}
