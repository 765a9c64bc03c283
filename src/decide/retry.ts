// Envoy's RetryPolicy, compiled: what to retry, how often, and how long to wait.

import type { Condition } from '#decide/condition.ts';
import type { Problems } from '#decide/config-error.ts';
import { durationMs } from '#decide/duration.ts';
import { unpackExtension } from '#decide/extension.ts';
import { compileHeaderCondition } from '#decide/header-condition.ts';
import { RetryPolicy_ResetHeaderFormat as ResetFormat, type RetryPolicy } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';

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
  /** Of responses, for retriable-headers; one that holds suffices. */
  readonly retriableHeaders: readonly Condition[];
  /** Of requests: where there are any, one of them has to hold for a request to be retried at all. */
  readonly retriableRequests: readonly Condition[];
  /** Fields of a response that say when to come again (rate_limited_retry_back_off), and the longest wait that is obeyed. */
  readonly resetHeaders: readonly ResetHeader[];
  readonly maxResetMs: number;
  /** previous_hosts: an endpoint that already failed is avoided, `hostSelectionAttempts` times. */
  readonly avoidPreviousHosts: boolean;
  readonly hostSelectionAttempts: number;
  /** previous_priorities: after so many tries their priorities are left out; 0: never. */
  readonly priorityUpdateFrequency: number;
  /** Wait before retry n: random in [0, min(base * 2^(n - 1), max)). Envoy's default is 25 ms and ten times the base. */
  readonly baseIntervalMs: number;
  readonly maxIntervalMs: number;
};

export type ResetHeader = { readonly name: string; readonly isTimestamp: boolean };

const defaultMaxResetMs = 300_000;

const previousHostsPredicate = 'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate';

export function compileRetry(policy: RetryPolicy, field: string, problems: Problems): RetryEntry {
  const baseIntervalMs = Math.max(1, durationMs(policy.retryBackOff?.baseInterval, 25));
  const maxIntervalMs = Math.max(1, durationMs(policy.retryBackOff?.maxInterval, baseIntervalMs * 10));
  if (maxIntervalMs < baseIntervalMs) problems.report(`${field}.retry_back_off.max_interval`, 'must not be below base_interval');
  return {
    on: parseRetryOn(policy.retryOn),
    numRetries: policy.numRetries ?? 1,
    perTryTimeoutMs: durationMs(policy.perTryTimeout, 0),
    perTryIdleTimeoutMs: durationMs(policy.perTryIdleTimeout, 0),
    retriableStatusCodes: new Set(policy.retriableStatusCodes),
    retriableHeaders: policy.retriableHeaders.map((matcher, index) =>
      compileHeaderCondition(matcher, `${field}.retriable_headers[${index}]`, problems),
    ),
    retriableRequests: policy.retriableRequestHeaders.map((matcher, index) =>
      compileHeaderCondition(matcher, `${field}.retriable_request_headers[${index}]`, problems),
    ),
    resetHeaders: (policy.rateLimitedRetryBackOff?.resetHeaders ?? []).map(({ name, format }) => ({
      name: name.toLowerCase(),
      isTimestamp: format === ResetFormat.UNIX_TIMESTAMP,
    })),
    maxResetMs: durationMs(policy.rateLimitedRetryBackOff?.maxInterval, defaultMaxResetMs),
    avoidPreviousHosts: avoidsPreviousHosts(policy, field, problems),
    hostSelectionAttempts: Math.max(1, Number(policy.hostSelectionRetryMaxAttempts)),
    priorityUpdateFrequency: priorityUpdateFrequency(policy, field, problems),
    baseIntervalMs,
    maxIntervalMs,
  };
}

function priorityUpdateFrequency({ retryPriority }: RetryPolicy, field: string, problems: Problems): number {
  if (retryPriority === undefined) return 0;
  const message = retryPriority.configType.case === 'typedConfig' ? unpackExtension(retryPriority.configType.value) : undefined;
  if (message !== undefined && message.$typeName === 'envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig') {
    if (message.updateFrequency < 1) problems.report(`${field}.retry_priority.typed_config.update_frequency`, 'must be above 0');
    return message.updateFrequency;
  }
  problems.report(`${field}.retry_priority`, `retry priority ${retryPriority.name} is not supported`);
  return 0;
}

const knownConditions: ReadonlyMap<string, RetryCondition> = new Map(retryConditions.map((condition) => [condition, condition]));

/** retry_on. Words that Envoy does not know it ignores; a number is a retriable status code in Istio only, and Istio has turned it into one. */
export function parseRetryOn(text: string): ReadonlySet<RetryCondition> {
  return new Set(text.split(',').flatMap((word) => knownConditions.get(word.trim()) ?? []));
}

function avoidsPreviousHosts(policy: RetryPolicy, field: string, problems: Problems): boolean {
  let avoids = false;
  for (const [index, { name, configType }] of policy.retryHostPredicate.entries()) {
    if (name === 'envoy.retry_host_predicates.previous_hosts' || configType.value?.typeUrl === previousHostsPredicate) avoids = true;
    else problems.report(`${field}.retry_host_predicate[${index}]`, `host predicate ${name} is not supported`);
  }
  return avoids;
}
