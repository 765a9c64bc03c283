// A response's head as the router hands it on: cookies of the balancing, how many attempts it took, and the route's changes. Changes the head in place.
import { applyHeaderOperations } from '#decide/header-apply.ts';
import type { RouteDecision } from '#decide/route-entry.ts';
import { formatView } from '#proxy/http/connection-view.ts';
import { suppressesEnvoyHeaders } from '#proxy/http/forwarded-head.ts';
import { makeWireSafe, setField } from '#proxy/http/header-list.ts';
import type { RequestContext } from '#proxy/http/request-context.ts';
import type { ResponseHead } from '#proxy/http/stream.ts';

/** Gives the time in ms that is still to be said in x-envoy-upstream-service-time, undefined where that is done or not wanted. */
export function changeResponse(
  context: RequestContext,
  { route, target }: Extract<RouteDecision, { readonly kind: 'forward' }>,
  head: ResponseHead,
  cookies: readonly string[] | undefined,
  attempts: number,
  tookMs: number,
): number | undefined {
  if (cookies !== undefined) for (const cookie of cookies) head.headers.push('set-cookie', cookie);
  if (route.attemptCountInResponse) setField(head.headers, 'x-envoy-attempt-count', String(attempts));
  const serviceTime = suppressesEnvoyHeaders(context.parts) ? undefined : Math.round(tookMs);
  if (target.responseHeaders.length === 0) return serviceTime;
  // Set before the route's changes, which may take it away again.
  if (serviceTime !== undefined) setField(head.headers, 'x-envoy-upstream-service-time', String(serviceTime));
  applyHeaderOperations(target.responseHeaders, head.headers, formatView(context, route, head));
  makeWireSafe(head.headers);
  return undefined;
}
