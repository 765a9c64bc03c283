// Whether an attempt that failed is made again, and after how long: the router's side of a retry policy (Envoy: RetryStateImpl). Pure.

import { fieldOf } from '#decide/header-fields.ts';
import { wholeNumber } from '#decide/request-timeouts.ts';
import { type RetryCondition, type RetryEntry, retryConditions } from '#decide/retry.ts';
import type { RequestView } from '#decide/views.ts';

/** How an attempt ended before a response: as the proxy's streams say, so far as retries tell them apart. */
export type AttemptEnd = 'overflow' | 'not-connected' | 'refused' | 'reset' | 'timeout';

/** Resets and timeouts before a response. `reset`, `5xx` and `gateway-error` cover all but a full cluster. */
export function retriesEnd({ on }: RetryEntry, end: AttemptEnd): boolean {
  if (end === 'overflow') return false;
  if (on.has('5xx') || on.has('reset') || on.has('gateway-error')) return true;
  if (end === 'not-connected') return on.has('connect-failure') || on.has('reset-before-request');
  return end === 'refused' && on.has('refused-stream');
}

/** A response as retries look at it: fields as name, value, name, value …, names in lower case. */
export type RetryResponse = { readonly status: number; readonly headers: readonly string[] };

export function retriesResponse(retry: RetryEntry, response: RetryResponse): boolean {
  const { headers } = response;
  const isFailure = isFailed(retry, response);
  if (!isFailure && response.status < 400) return false;
  // An upstream that limits its rate is asked again only where the policy says so.
  if (fieldOf(headers, 'x-envoy-ratelimited') !== undefined) return retry.on.has('envoy-ratelimited');
  return isFailure;
}

function isFailed(retry: RetryEntry, response: RetryResponse): boolean {
  const { on } = retry;
  const { status, headers } = response;
  if (status >= 500 && status <= 599 && on.has('5xx')) return true;
  if (status >= 502 && status <= 504 && on.has('gateway-error')) return true;
  if (status === 409 && on.has('retriable-4xx')) return true;
  if (on.has('retriable-status-codes') && retry.retriableStatusCodes.has(status)) return true;
  if (on.has('retriable-headers') && retry.retriableHeaders.some(({ holds }) => holds(asView(response)))) return true;
  return hasGrpcCondition(on) && retriesGrpcStatus(on, fieldOf(headers, 'grpc-status'));
}

/** Header conditions are made for requests; of a response they see the fields and `:status`. */
function asView({ status, headers }: RetryResponse): RequestView {
  return { method: '', scheme: '', authority: '', path: '', header: (name) => (name === ':status' ? String(status) : fieldOf(headers, name)) };
}

const grpcConditions: ReadonlyMap<string, RetryCondition> = new Map([
  ['1', 'cancelled'],
  ['4', 'deadline-exceeded'],
  ['8', 'resource-exhausted'],
  ['13', 'internal'],
  ['14', 'unavailable'],
]);

function hasGrpcCondition(on: ReadonlySet<RetryCondition>): boolean {
  return on.has('unavailable') || on.has('cancelled') || on.has('deadline-exceeded') || on.has('resource-exhausted') || on.has('internal');
}

/** A gRPC answer without messages carries its status in the head. */
function retriesGrpcStatus(on: ReadonlySet<RetryCondition>, status: string | undefined): boolean {
  const condition = status === undefined ? undefined : grpcConditions.get(status);
  return condition !== undefined && on.has(condition);
}

/** Milliseconds before retry `attempt` (1 for the first): jittered, growing, bounded. `random` in [0, 1). */
export function backOffMs(retry: RetryEntry, attempt: number, random: number): number {
  return random * Math.min(retry.baseIntervalMs * 2 ** (attempt - 1), retry.maxIntervalMs);
}

/**
 * The wait that a response itself asks for, in seconds or as a moment of `nowMs`' clock, with up to half as much again; undefined where it asks
 * for none, or for more than the policy grants.
 */
export function askedBackOffMs(retry: RetryEntry, response: RetryResponse, nowMs: number, random: number): number | undefined {
  for (const { name, isTimestamp } of retry.resetHeaders) {
    const value = wholeNumber(fieldOf(response.headers, name));
    if (value === undefined) continue;
    const waitMs = isTimestamp ? (value - Math.floor(nowMs / 1000)) * 1000 : value * 1000;
    if (waitMs > 0 && waitMs <= retry.maxResetMs) return waitMs * (1 + random / 2);
  }
  return undefined;
}

/** A retry policy where the route has none and headers ask for one: one retry, Envoy's back-off. */
const bareRetry: RetryEntry = {
  on: new Set(),
  numRetries: 1,
  perTryTimeoutMs: 0,
  perTryIdleTimeoutMs: 0,
  retriableStatusCodes: new Set(),
  retriableHeaders: [],
  retriableRequests: [],
  resetHeaders: [],
  maxResetMs: 0,
  avoidPreviousHosts: false,
  hostSelectionAttempts: 1,
  priorityUpdateFrequency: 0,
  baseIntervalMs: 25,
  maxIntervalMs: 250,
};

/**
 * The policy for one request. `readsHeaders`: x-envoy headers may be among its fields; they add conditions and status codes, and set the
 * number. Undefined: no retries.
 */
export function retryFor(policy: RetryEntry | undefined, request: RequestView, readsHeaders: boolean): RetryEntry | undefined {
  const retry = readsHeaders ? withHeaders(policy, request) : policy;
  if (retry === undefined || retry.on.size === 0) return undefined;
  if (retry.retriableRequests.length > 0 && !retry.retriableRequests.some(({ holds }) => holds(request))) return undefined;
  return retry;
}

function withHeaders(policy: RetryEntry | undefined, request: RequestView): RetryEntry | undefined {
  const asked = `${request.header('x-envoy-retry-on') ?? ''},${request.header('x-envoy-retry-grpc-on') ?? ''}`;
  const max = wholeNumber(request.header('x-envoy-max-retries'));
  const codes = request.header('x-envoy-retriable-status-codes');
  const names = request.header('x-envoy-retriable-header-names');
  if (asked === ',' && max === undefined && codes === undefined && names === undefined) return policy;
  const base = policy ?? bareRetry;
  const words = new Set(asked.split(',').map((word) => word.trim()));
  return {
    ...base,
    on: new Set(retryConditions.filter((condition) => base.on.has(condition) || words.has(condition))),
    numRetries: max ?? base.numRetries,
    retriableStatusCodes: codes === undefined ? base.retriableStatusCodes : new Set([...base.retriableStatusCodes, ...codes.split(',').map(Number)]),
    retriableHeaders: [...base.retriableHeaders, ...presentHeaders(names)],
  };
}

function presentHeaders(names: string | undefined): RetryEntry['retriableHeaders'] {
  const listed = (names ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');
  return listed.map((name) => ({
    text: `header ${name} is present`,
    holds: (response) => response.header(name) !== undefined,
    found: () => 'it is missing',
  }));
}

/** Request headers that ask Envoy's router for retries: it takes them off before it forwards. */
export const retryHeaders: readonly string[] = [
  ...['retry-on', 'retry-grpc-on', 'max-retries', 'retriable-status-codes', 'retriable-header-names', 'hedge-on-per-try-timeout'],
  ...['upstream-rq-timeout-alt-response', 'upstream-rq-per-try-timeout-ms'],
].map((name) => `x-envoy-${name}`);
