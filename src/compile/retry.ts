// Retry policies: of routes as their rules say or by Istio's default, and towards the app.
import { STATUS_CODES } from 'node:http';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { duration } from '#compile/durations.ts';
import { packAny } from '#envoy/any.ts';
import { create } from '#envoy/create.ts';
import {
  type RetryPolicy,
  type RetryPolicy_RetryHostPredicate,
  RetryPolicy_RetryHostPredicateSchema,
  type RetryPolicy_RetryPriority,
  RetryPolicy_RetryPrioritySchema,
  RetryPolicySchema,
} from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import { PreviousHostsPredicateSchema } from '#envoy/gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js';
import { PreviousPrioritiesConfigSchema } from '#envoy/gen/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config_pb.js';
import { createShared } from '#envoy/shared-message.ts';
import type { Retries } from '#model/retry.ts';

const defaultRetryOn = 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes';

/** `staysOnHost`: the balancer sends requests of one key to one endpoint, and so the retries as well unless they are told otherwise. */
export type RetryOptions = { readonly staysOnHost?: boolean };

/**
 * A route's policy; undefined where retries are off. Without a policy of its own: two more attempts, each on another endpoint, for failures
 * in which the request cannot have been processed. Source: Istio, retry.ConvertPolicy.
 */
export function retryPolicy(retries: Retries | undefined, options: RetryOptions = {}): RetryPolicy | undefined {
  if (retries?.attempts === 0) return undefined;
  if (retries !== undefined || options.staysOnHost === true) return create(RetryPolicySchema, makePolicy(retries, options));
  usual ??= createShared(RetryPolicySchema, makePolicy(undefined, {}));
  return usual;
}

/** What most routes have, made once: messages are never changed. */
let usual: RetryPolicy | undefined;

function makePolicy(retries: Retries | undefined, options: RetryOptions): MessageInitShape<typeof RetryPolicySchema> {
  const { retryOn, statusCodes } = parseRetryOn(retries?.retryOn);
  return {
    retryOn,
    retriableStatusCodes: statusCodes,
    numRetries: retries?.attempts ?? 2,
    hostSelectionRetryMaxAttempts: 5n,
    ...((retries?.ignorePreviousHosts ?? options.staysOnHost !== true) && { retryHostPredicate: [previousHosts()] }),
    ...(retries?.remoteLocalities === true && { retryPriority: previousPriorities() }),
    ...(retries?.perTryTimeoutMs !== undefined && { perTryTimeout: duration(retries.perTryTimeoutMs) }),
    ...(retries?.backoffMs !== undefined && { retryBackOff: { baseInterval: duration(retries.backoffMs) } }),
  };
}

function previousHosts(): RetryPolicy_RetryHostPredicate {
  otherHosts ??= create(RetryPolicy_RetryHostPredicateSchema, {
    name: 'envoy.retry_host_predicates.previous_hosts',
    configType: { case: 'typedConfig', value: packAny(PreviousHostsPredicateSchema, {}) },
  });
  return otherHosts;
}

let otherHosts: RetryPolicy_RetryHostPredicate | undefined;

/** Another priority (locality) than those tried, after two attempts. */
function previousPriorities(): RetryPolicy_RetryPriority {
  return create(RetryPolicy_RetryPrioritySchema, {
    name: 'envoy.retry_priorities.previous_priorities',
    configType: { case: 'typedConfig', value: packAny(PreviousPrioritiesConfigSchema, { updateFrequency: 2 }) },
  });
}

/** Numbers among the conditions are status codes, and imply the condition that looks at them. */
function parseRetryOn(written: string | undefined): { readonly retryOn: string; readonly statusCodes: number[] } {
  if (written === undefined) return { retryOn: defaultRetryOn, statusCodes: [] };
  const parts = written
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  const statusCodes = parts.filter(isStatus).map(Number);
  const conditions = parts.filter((part) => !isStatus(part));
  if (statusCodes.length > 0 && !conditions.includes('retriable-status-codes')) conditions.push('retriable-status-codes');
  return { retryOn: conditions.join(','), statusCodes };
}

/** A number that means something in HTTP. Any other is left for Envoy to overlook, as Istio does. */
function isStatus(part: string): boolean {
  return /^\d+$/.test(part) && STATUS_CODES[Number(part)] !== undefined;
}

/**
 * Towards the app, of which there is one: without a policy of the mesh only when the connection broke before the request went out, as when the
 * app closed it while idle. What is about hosts and single tries means nothing here. Source: Istio, retry.ConvertInboundPolicy.
 */
export function inboundRetryPolicy(retries: Retries | undefined): RetryPolicy | undefined {
  if (retries?.attempts === 0) return undefined;
  const { retryOn, statusCodes } =
    retries?.retryOn === undefined ? { retryOn: 'reset-before-request', statusCodes: [] } : parseRetryOn(retries.retryOn);
  return create(RetryPolicySchema, {
    retryOn,
    retriableStatusCodes: statusCodes,
    numRetries: retries?.attempts ?? 2,
    ...(retries?.backoffMs !== undefined && { retryBackOff: { baseInterval: duration(retries.backoffMs) } }),
  });
}
