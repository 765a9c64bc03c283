// Retry policies: of routes as their rules say or by Istio's default, and towards the app.
import { create } from '@bufbuild/protobuf';
import { duration } from '#compile/durations.ts';
import { packAny } from '#envoy/any.ts';
import {
  type RetryPolicy,
  type RetryPolicy_RetryHostPredicate,
  RetryPolicy_RetryHostPredicateSchema,
  RetryPolicySchema,
} from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import { PreviousHostsPredicateSchema } from '#envoy/gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js';
import type { Retries } from '#model/retry.ts';

const defaultRetryOn = 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes';

/**
 * A route's policy; undefined where retries are off. Without a policy of its own: two more attempts, each on another endpoint, for failures
 * in which the request cannot have been processed. Source: Istio, retry.ConvertPolicy.
 */
export function retryPolicy(retries: Retries | undefined): RetryPolicy | undefined {
  if (retries?.attempts === 0) return undefined;
  const { retryOn, statusCodes } = parseRetryOn(retries?.retryOn);
  return create(RetryPolicySchema, {
    retryOn,
    retriableStatusCodes: statusCodes,
    numRetries: retries?.attempts ?? 2,
    hostSelectionRetryMaxAttempts: 5n,
    ...(retries?.ignorePreviousHosts !== false && { retryHostPredicate: [previousHosts()] }),
    ...(retries?.perTryTimeoutMs !== undefined && { perTryTimeout: duration(retries.perTryTimeoutMs) }),
    ...(retries?.backoffMs !== undefined && { retryBackOff: { baseInterval: duration(retries.backoffMs) } }),
  });
}

function previousHosts(): RetryPolicy_RetryHostPredicate {
  return create(RetryPolicy_RetryHostPredicateSchema, {
    name: 'envoy.retry_host_predicates.previous_hosts',
    configType: { case: 'typedConfig', value: packAny(PreviousHostsPredicateSchema, {}) },
  });
}

/** Numbers among the conditions are status codes, and imply the condition that looks at them. */
function parseRetryOn(written: string | undefined): { readonly retryOn: string; readonly statusCodes: number[] } {
  if (written === undefined) return { retryOn: defaultRetryOn, statusCodes: [] };
  const parts = written
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  const statusCodes = parts.filter((part) => /^\d+$/.test(part)).map(Number);
  const conditions = parts.filter((part) => !/^\d+$/.test(part));
  if (statusCodes.length > 0 && !conditions.includes('retriable-status-codes')) conditions.push('retriable-status-codes');
  return { retryOn: conditions.join(','), statusCodes };
}

/** Towards the app: only when the connection broke before the request went out, as when the app closed it while idle. */
export function inboundRetryPolicy(): RetryPolicy {
  return create(RetryPolicySchema, { retryOn: 'reset-before-request', numRetries: 2 });
}
