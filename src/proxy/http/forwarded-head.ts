// A request's head as the route sends it on: header changes, host, path, what the router was asked for taken off, what the upstream shall know of
// its time put on. Changes the head in place.
import { formatGrpcTimeout } from '#decide/grpc-timeout.ts';
import { applyHeaderOperations } from '#decide/header-apply.ts';
import { expectedMs, timeoutHeaders } from '#decide/request-timeouts.ts';
import { retryHeaders } from '#decide/retry-verdict.ts';
import { rewriteHost, rewritePath } from '#decide/rewrite.ts';
import type { RequestTimeouts, RouteDecision } from '#decide/route-entry.ts';
import { formatView } from '#proxy/http/connection-view.ts';
import { appendForwardedHost, makeWireSafe, removeFields, setField } from '#proxy/http/header-list.ts';
import type { ManagerParts, RequestContext } from '#proxy/http/request-context.ts';

/** Envoy's order: headers to add and remove, then host and path (finalizeRequestHeaders). */
export function rewriteHead(context: RequestContext, { action, target, route }: Extract<RouteDecision, { readonly kind: 'forward' }>): void {
  const { request } = context.stream;
  const { headers } = request;
  if (target.requestHeaders.length > 0) {
    applyHeaderOperations(target.requestHeaders, headers, formatView(context, route, undefined));
    makeWireSafe(headers);
  }
  if (target.hostRewrite !== undefined && target.hostRewrite !== '') request.authority = target.hostRewrite;
  const host = rewriteHost(action, context);
  if (host !== undefined) {
    if (action.appendForwardedHost) appendForwardedHost(headers, request.authority);
    if (!suppressesEnvoyHeaders(context.parts)) setField(headers, 'x-envoy-original-host', request.authority);
    request.authority = host;
  }
  const path = rewritePath(action, request.path);
  if (action.prefixRewrite !== undefined || action.regexRewrite !== undefined) {
    if (!suppressesEnvoyHeaders(context.parts)) setField(headers, 'x-envoy-original-path', request.path);
    request.path = path;
  }
}

/** What only the router was to read. */
export function removeRetryHeaders({ stream }: RequestContext): void {
  for (const name of retryHeaders) removeFields(stream.request.headers, name);
}

export function removeTimeoutHeaders({ stream }: RequestContext): void {
  for (const name of timeoutHeaders) removeFields(stream.request.headers, name);
}

/** `spentMs`: how long ago the response's time began. */
export function tellTimeouts(context: RequestContext, timeouts: RequestTimeouts, spentMs: number): void {
  const expected = expectedMs(timeouts, spentMs);
  if (expected === 0) return;
  const { headers } = context.stream.request;
  if (!suppressesEnvoyHeaders(context.parts)) setField(headers, 'x-envoy-expected-rq-timeout-ms', String(expected));
  if (timeouts.setsGrpcTimeout) setField(headers, 'grpc-timeout', formatGrpcTimeout(expected));
}

export function suppressesEnvoyHeaders({ entry }: ManagerParts): boolean {
  const router = entry.httpFilters.at(-1);
  return router?.kind === 'router' && router.suppressEnvoyHeaders;
}
