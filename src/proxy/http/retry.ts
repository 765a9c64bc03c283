// Whether an attempt that failed is made again, by the route's retry policy (Envoy: RetryStateImpl).
import type { RetryCondition, RetryEntry } from '#decide/retry.ts';
import { fieldValue } from '#proxy/http/header-list.ts';
import type { ResetReason, ResponseHead } from '#proxy/http/stream.ts';

/** Resets before a response: which words cover them. `reset`, `5xx` and `gateway-error` cover every one. */
export function coversReset(on: ReadonlySet<RetryCondition>, reason: ResetReason): boolean {
  if (reason === 'overflow') return false;
  if (on.has('5xx') || on.has('reset') || on.has('gateway-error')) return true;
  if (reason === 'connect-failed' || reason === 'connect-timeout' || reason === 'tls-failed')
    return on.has('connect-failure') || on.has('reset-before-request');
  return reason === 'refused' && on.has('refused-stream');
}

export function coversTimeout(on: ReadonlySet<RetryCondition>): boolean {
  return on.has('5xx') || on.has('reset') || on.has('gateway-error');
}

export function coversResponse(retry: RetryEntry, head: ResponseHead): boolean {
  const { on } = retry;
  const { status } = head;
  if (status >= 500 && on.has('5xx')) return true;
  if (status >= 502 && status <= 504 && on.has('gateway-error')) return true;
  if (status === 409 && on.has('retriable-4xx')) return true;
  if (on.has('retriable-status-codes') && retry.retriableStatusCodes.has(status)) return true;
  return status === 200 && coversGrpcStatus(on, head);
}

const grpcConditions: ReadonlyMap<string, RetryCondition> = new Map([
  ['1', 'cancelled'],
  ['4', 'deadline-exceeded'],
  ['8', 'resource-exhausted'],
  ['13', 'internal'],
  ['14', 'unavailable'],
]);

/** A gRPC answer without messages carries its status in the head. */
function coversGrpcStatus(on: ReadonlySet<RetryCondition>, head: ResponseHead): boolean {
  const condition = grpcConditions.get(fieldValue(head.headers, 'grpc-status') ?? '');
  return condition !== undefined && on.has(condition);
}

/** Milliseconds before retry `attempt` (1 for the first): jittered, growing, bounded. */
export function backOffMs(retry: RetryEntry, attempt: number, random: number): number {
  return random * Math.min(retry.baseIntervalMs * (2 ** attempt - 1), retry.maxIntervalMs);
}
