// Envoy's RetryPolicy, compiled: what to retry, how often, and how long to wait.

import type { Problems } from '#decide/config-error.ts';
import { durationMs } from '#decide/duration.ts';
import type { RetryPolicy } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';

/** Envoy's retry_on words (router filter, x-envoy-retry-on and x-envoy-retry-grpc-on). */
export const retryConditions = [
  '5xx',
  'gateway-error',
  'reset',
  'reset-before-request',
  'connect-failure',
  'envoy-ratelimited',
  'retriable-4xx',
  'refused-stream',
  'retriable-status-codes',
  'retriable-headers',
  'http3-post-connect-failure',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
] as const;

export type RetryCondition = (typeof retryConditions)[number];

export type RetryEntry = {
  readonly on: ReadonlySet<RetryCondition>;
  /** Beyond the first attempt. */
  readonly numRetries: number;
  /** 0: the route's timeout alone. */
  readonly perTryTimeoutMs: number;
  readonly perTryIdleTimeoutMs: number;
  readonly retriableStatusCodes: ReadonlySet<number>;
  /** previous_hosts: an endpoint that already failed is avoided, `hostSelectionAttempts` times. */
  readonly avoidPreviousHosts: boolean;
  readonly hostSelectionAttempts: number;
  /** Wait before retry n: random in [0, min(base * (2^n - 1), max)). Envoy's default is 25 ms and ten times the base. */
  readonly baseIntervalMs: number;
  readonly maxIntervalMs: number;
};

const previousHostsPredicate = 'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate';

export function compileRetry(policy: RetryPolicy, field: string, problems: Problems): RetryEntry {
  const baseIntervalMs = Math.max(1, durationMs(policy.retryBackOff?.baseInterval, 25));
  const maxIntervalMs = Math.max(1, durationMs(policy.retryBackOff?.maxInterval, baseIntervalMs * 10));
  if (maxIntervalMs < baseIntervalMs) problems.report(`${field}.retry_back_off.max_interval`, 'must not be below base_interval');
  return {
    on: conditionsOf(policy, field, problems),
    numRetries: policy.numRetries ?? 1,
    perTryTimeoutMs: durationMs(policy.perTryTimeout, 0),
    perTryIdleTimeoutMs: durationMs(policy.perTryIdleTimeout, 0),
    retriableStatusCodes: new Set(policy.retriableStatusCodes),
    avoidPreviousHosts: avoidsPreviousHosts(policy, field, problems),
    hostSelectionAttempts: Math.max(1, Number(policy.hostSelectionRetryMaxAttempts)),
    baseIntervalMs,
    maxIntervalMs,
  };
}

/** Words that Envoy does not know it ignores; a number is a retriable status code in Istio only, and Istio has turned it into one. */
function conditionsOf(policy: RetryPolicy, field: string, problems: Problems): ReadonlySet<RetryCondition> {
  const known = new Map<string, RetryCondition>(retryConditions.map((condition) => [condition, condition]));
  const on = new Set<RetryCondition>();
  for (const word of policy.retryOn.split(',').map((part) => part.trim())) {
    const condition = known.get(word);
    if (condition !== undefined) on.add(condition);
    else if (word !== '') problems.report(`${field}.retry_on`, `retry condition ${word} is not known`);
  }
  if (policy.retryOn.includes('retriable-headers')) problems.report(`${field}.retry_on`, 'retriable-headers is not supported');
  return on;
}

function avoidsPreviousHosts(policy: RetryPolicy, field: string, problems: Problems): boolean {
  let avoids = false;
  for (const [index, { name, configType }] of policy.retryHostPredicate.entries()) {
    if (name === 'envoy.retry_host_predicates.previous_hosts' || configType.value?.typeUrl === previousHostsPredicate) avoids = true;
    else problems.report(`${field}.retry_host_predicate[${index}]`, `host predicate ${name} is not supported`);
  }
  return avoids;
}
