// How long one request may take: the route's timeouts, a gRPC client's deadline, and what x-envoy headers say. Envoy: FilterUtility::finalTimeout
// and the connection manager's duration timeout.

import { parseGrpcTimeout } from '#decide/grpc-timeout.ts';
import type { RetryEntry } from '#decide/retry.ts';
import type { ForwardAction, RequestTimeouts } from '#decide/route-entry.ts';
import type { RequestView } from '#decide/views.ts';

const timeoutHeader = 'x-envoy-upstream-rq-timeout-ms';
const perTryHeader = 'x-envoy-upstream-rq-per-try-timeout-ms';

/** Request headers that ask Envoy's router for timeouts: it takes them off before it forwards. */
export const timeoutHeaders: readonly string[] = [timeoutHeader, perTryHeader];

/** `readsHeaders`: x-envoy headers may be among the request's, and have a say. */
export function timeoutsFor(
  action: ForwardAction,
  retry: RetryEntry | undefined,
  request: RequestView,
  isGrpc: boolean,
  readsHeaders: boolean,
): RequestTimeouts {
  if (!isGrpc && !readsHeaders) return action.timeouts;
  const isLimitedGrpc = isGrpc && action.grpcTimeout !== undefined;
  const limits = {
    responseMs: isLimitedGrpc ? grpcMs(action.grpcTimeout, request) : action.timeouts.responseMs,
    perTryMs: retry?.perTryTimeoutMs ?? 0,
  };
  if (readsHeaders) {
    limits.responseMs = wholeNumber(request.header(timeoutHeader)) ?? limits.responseMs;
    limits.perTryMs = wholeNumber(request.header(perTryHeader)) ?? limits.perTryMs;
  }
  const { responseMs, perTryMs } = limits;
  return {
    responseMs,
    perTryMs: responseMs > 0 && perTryMs >= responseMs ? 0 : perTryMs,
    perTryIdleMs: retry?.perTryIdleTimeoutMs ?? 0,
    streamMs: streamMsFor(action, request),
    setsGrpcTimeout: isLimitedGrpc,
  };
}

/** What holds for requests that say nothing themselves. Where a stream's duration is limited by the route, its `timeout` has no say. */
export function ownTimeouts(timeoutMs: number, maxStreamDurationMs: number | undefined, retry: RetryEntry | undefined): RequestTimeouts {
  const responseMs = maxStreamDurationMs === undefined ? timeoutMs : 0;
  const perTryMs = retry?.perTryTimeoutMs ?? 0;
  return {
    responseMs,
    perTryMs: responseMs > 0 && perTryMs >= responseMs ? 0 : perTryMs,
    perTryIdleMs: retry?.perTryIdleTimeoutMs ?? 0,
    streamMs: maxStreamDurationMs,
    setsGrpcTimeout: false,
  };
}

/** max_grpc_timeout: the client's deadline less the offset, but no more than the limit; 0 stands for none on either side. */
function grpcMs(limit: ForwardAction['grpcTimeout'], request: RequestView): number {
  const { maxMs, offsetMs } = limit ?? { maxMs: 0, offsetMs: 0 };
  const asked = parseGrpcTimeout(request.header('grpc-timeout')) ?? 0;
  const deadline = offsetMs < asked ? asked - offsetMs : asked;
  return maxMs > 0 && (deadline === 0 || deadline > maxMs) ? maxMs : deadline;
}

function streamMsFor(action: ForwardAction, request: RequestView): number | undefined {
  const { grpcStreamTimeout: limit, maxStreamDurationMs } = action;
  const asked = limit === undefined ? undefined : parseGrpcTimeout(request.header('grpc-timeout'));
  if (limit === undefined || asked === undefined) return maxStreamDurationMs;
  const capped = limit.maxMs > 0 ? Math.min(asked, limit.maxMs) : asked;
  // A deadline that the offset uses up is over at once.
  return capped === 0 ? 0 : Math.max(1, capped - limit.offsetMs);
}

/**
 * What the upstream is told that it has, in milliseconds (x-envoy-expected-rq-timeout-ms); 0: nothing. `spentMs` of the response's time are gone
 * when an attempt starts.
 */
export function expectedMs({ responseMs, perTryMs }: RequestTimeouts, spentMs: number): number {
  const expected = perTryMs > 0 ? perTryMs : responseMs;
  if (expected === 0 || responseMs === 0) return expected;
  return spentMs >= responseMs ? 1 : Math.min(expected, responseMs - spentMs);
}

/** A header's value as Envoy reads numbers. */
export function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\s*\d{1,15}\s*$/.test(text) ? Number(text) : undefined;
}
