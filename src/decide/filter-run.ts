// The HTTP filters at work on one request, after its route was found and before the route's action: pure, but for the token buckets that the
// caller keeps. Each call goes on from a filter of the list, so that a request that had to wait takes up where it stopped.

import { applyCors, corsResponseFields } from '#decide/cors.ts';
import { runExtAuthz } from '#decide/ext-authz-filter.ts';
import { aborts, delayOf, type FaultEntry, faultApplies } from '#decide/fault.ts';
import type { FilterAnswer, FilterEffects, FilterSubject, FilterVerdict } from '#decide/filter-verdict.ts';
import type { HttpFilterEntry, RouteFilter, RouteFilters } from '#decide/http-filter.ts';
import { runJwtFilter } from '#decide/jwt-filter.ts';
import { noRouteLimits, type RateLimitEntry, type RouteLimits } from '#decide/rate-limit.ts';
import { quotaFields, takeFromLimit } from '#decide/rate-limit-take.ts';
import { runRbacEntry } from '#decide/rbac-filter.ts';
import type { RouteDecision } from '#decide/route-entry.ts';
import type { RequestView } from '#decide/views.ts';

const pass: FilterVerdict = { kind: 'pass' };

/** What the route of a decision says about filters. */
export function routeFiltersOf(decision: RouteDecision): RouteFilters | undefined {
  switch (decision.kind) {
    case 'forward':
      return decision.target.filters;
    case 'redirect':
    case 'direct-response':
      return decision.route.filters;
    default:
      return undefined;
  }
}

/** Runs the filters from position `from` on, up to the first that has something to say; the router says nothing. */
export function runHttpFilters(filters: readonly HttpFilterEntry[], from: number, subject: FilterSubject, effects: FilterEffects): FilterVerdict {
  const ofRoute = routeFiltersOf(subject.decision);
  for (let position = from; position < filters.length; position++) {
    const filter = filters[position];
    if (filter === undefined || filter.kind === 'router') continue;
    const said = ofRoute?.get(filter.name);
    if (said === undefined ? filter.disabled : said.kind === 'off') continue;
    const verdict = runFilter(filter, said, subject, effects, position + 1);
    if (verdict.kind !== 'pass') return verdict;
  }
  return pass;
}

function runFilter(
  filter: HttpFilterEntry,
  said: RouteFilter | undefined,
  subject: FilterSubject,
  effects: FilterEffects,
  next: number,
): FilterVerdict {
  switch (filter.kind) {
    case 'rbac':
      return runRbac(filter, said, subject, effects);
    case 'jwt':
      return runJwtFilter(filter, said?.kind === 'jwt-off', subject, effects, next);
    case 'ext-authz':
      return runExtAuthz(filter, said, subject, effects, next);
    case 'cors':
      return said?.kind === 'cors' ? runCors(filter.name, said.policy, subject, effects) : pass;
    case 'fault':
      return runFault(filter.name, said?.kind === 'fault' ? said.fault : filter.fault, subject, next);
    case 'rate-limit':
      return runRateLimit(filter.name, said?.kind === 'rate-limit' ? said.limit : filter.limit, subject, effects, next);
    case 'buffer': {
      const maxBytes = said?.kind === 'buffer' ? said.maxBytes : filter.maxBytes;
      return { kind: 'buffer', filter: filter.name, maxBytes, next };
    }
    case 'grpc-web':
      return isGrpcWeb(subject.request) ? { kind: 'grpc-web', filter: filter.name, next } : pass;
    case 'router':
    case 'filter-state':
      return pass;
  }
}

function runRbac(
  filter: HttpFilterEntry & { readonly kind: 'rbac' },
  said: RouteFilter | undefined,
  subject: FilterSubject,
  effects: FilterEffects,
): FilterVerdict {
  const entry = said?.kind === 'rbac' ? said.policy : filter.policy;
  if (entry === undefined) return pass;
  const { trace, request, countRbac: count } = subject;
  const { verdict, metadata, why } = runRbacEntry(entry, { connection: subject.connection(), request, trace, count }, effects.metadata);
  effects.metadata = metadata;
  if (verdict === undefined) return pass;
  effects.rbac = verdict;
  return why === undefined ? pass : { kind: 'denied', filter: filter.name, verdict, why };
}

function runCors(
  name: string,
  policy: Extract<RouteFilter, { kind: 'cors' }>['policy'],
  subject: FilterSubject,
  effects: FilterEffects,
): FilterVerdict {
  // Envoy's cors filter is for routes that lead to a cluster only.
  if (subject.decision.kind !== 'forward') return pass;
  const { allowedOrigin, preflight } = applyCors(policy, subject.request, policy.enabled < 1 ? subject.random() : 0);
  if (allowedOrigin !== undefined) effects.set = [...effects.set, ...corsResponseFields(policy, allowedOrigin)];
  if (preflight === undefined) return pass;
  explain(subject, name, 'chosen', 'a preflight request is answered here');
  return {
    kind: 'answer',
    filter: name,
    answer: { status: 200, flag: '', details: 'cors_response', body: '', fields: preflight, headers: [], verbatim: true },
  };
}

function runFault(name: string, fault: FaultEntry, subject: FilterSubject, next: number): FilterVerdict {
  if (fault.delayShare === 0 && fault.abortShare === 0) return pass;
  const { decision } = subject;
  const cluster = decision.kind === 'forward' ? decision.target.cluster : '';
  if (!faultApplies(fault, subject.request, cluster, subject.activeFaults)) return pass;
  const delayMs = fault.delayShare === 0 ? 0 : delayOf(fault, subject.random());
  if (delayMs > 0) {
    explain(subject, name, 'chosen', `the request waits for ${delayMs} ms, as ${percent(fault.delayShare)} do`);
    return { kind: 'delay', filter: name, delayMs, fault, next };
  }
  return runAbort(name, fault, subject);
}

/** The second half of a fault: asked at once, or when the delay is over. */
export function runAbort(name: string, fault: FaultEntry, subject: Pick<FilterSubject, 'random' | 'trace'>): FilterVerdict {
  if (fault.abortShare === 0 || !aborts(fault, subject.random())) return pass;
  const { status, grpcStatus } = fault.abort;
  const what = grpcStatus === undefined ? `status ${status}` : `gRPC status ${grpcStatus}`;
  explain(subject, name, 'rejected', `the request ends with ${what}, as ${percent(fault.abortShare)} do`);
  const answer: FilterAnswer = {
    status,
    ...(grpcStatus === undefined ? {} : { grpcStatus }),
    flag: 'FI',
    details: 'fault_filter_abort',
    body: 'fault filter abort',
    fields: [],
    headers: [],
    verbatim: false,
  };
  return { kind: 'answer', filter: name, answer };
}

function runRateLimit(name: string, limit: RateLimitEntry, subject: FilterSubject, effects: FilterEffects, next: number): FilterVerdict {
  if (limit.enabled < 1 && subject.random() >= limit.enabled) return pass;
  const { decision, request, remoteIp } = subject;
  const cluster = decision.kind === 'forward' ? decision.target.cluster : '';
  const nowMs = subject.nowMs();
  const asked = { request, remoteIp, cluster, metadata: effects.metadata };
  const { allowed, bucket } = takeFromLimit(limit, subject.limitState(limit), routeLimitsOf(decision), asked, nowMs);
  if (limit.reportsQuota && bucket !== undefined) effects.add = [...effects.add, ...quotaFields(bucket, nowMs)];
  if (allowed) return pass;
  if (limit.enforced < 1 && subject.random() >= limit.enforced) {
    return limit.requestHeaders.length === 0 ? pass : { kind: 'change', headers: limit.requestHeaders, next };
  }
  explain(subject, name, 'rejected', 'its bucket has no token left');
  const answer: FilterAnswer = {
    status: limit.status,
    ...(limit.resourceExhausted ? { grpcStatus: resourceExhausted } : {}),
    flag: 'RL',
    details: 'local_rate_limited',
    body: 'local_rate_limited',
    fields: [],
    headers: limit.responseHeaders,
    verbatim: false,
  };
  return { kind: 'answer', filter: name, answer };
}

const resourceExhausted = 8;

function routeLimitsOf(decision: RouteDecision): RouteLimits {
  return decision.kind === 'forward' ? (decision.route.limits ?? noRouteLimits) : noRouteLimits;
}

function isGrpcWeb(request: RequestView): boolean {
  return (request.header('content-type') ?? '').startsWith('application/grpc-web');
}

function percent(share: number): string {
  return `${Math.round(share * 1e6) / 1e4} % of requests`;
}

function explain(subject: Pick<FilterSubject, 'trace'>, name: string, outcome: 'chosen' | 'rejected', because: string): void {
  subject.trace?.add({ stage: 'filter', name, outcome, because });
}
