// What the HTTP filters make of one call, with buckets that are full and all the time that is needed: the part of a decision between
// its route and what the route does.

import type { Call, Decision, Outcome } from '#decide/decision.ts';
import { runAbort, runHttpFilters } from '#decide/filter-run.ts';
import { type FilterAnswer, type FilterSubject, type FilterVerdict, noEffects } from '#decide/filter-verdict.ts';
import { changedRequest } from '#decide/jwt-head.ts';
import type { HttpManagerEntry } from '#decide/listener-entry.ts';
import { newRateLimitState } from '#decide/rate-limit-take.ts';
import type { RouteDecision } from '#decide/route-entry.ts';
import type { Trace } from '#decide/trace.ts';
import type { RequestView } from '#decide/views.ts';

/** `outcome` is undefined where the request goes on. */
export type Filtered = Pick<Decision, 'rbac' | 'filter' | 'delayMs' | 'checkedBy'> & { readonly outcome?: Outcome };

/** What filters made of the request, and the route that it has now. */
export type FilteredRequest = { readonly filtered: Filtered; readonly request: RequestView; readonly decision: RouteDecision };

export function decideFilters(
  manager: HttpManagerEntry,
  call: Call,
  sent: RequestView,
  route: (request: RequestView) => RouteDecision,
  trace: Trace | undefined,
): FilteredRequest {
  const { connection, random = 0, timeMs = 0 } = call;
  let subject: FilterSubject = {
    request: sent,
    decision: route(sent),
    trace,
    connection: () => connection,
    remoteIp: connection.remoteAddress ?? connection.sourceAddress,
    random: () => random,
    nowMs: () => 0,
    timeMs: () => timeMs,
    activeFaults: 0,
    limitState: newRateLimitState,
  };
  const effects = noEffects();
  let filtered: Filtered = {};
  const result = (end: Filtered): FilteredRequest => ({ filtered: end, request: subject.request, decision: subject.decision });
  for (let from = 0; ; ) {
    const verdict = runHttpFilters(manager.httpFilters, from, subject, effects);
    if (effects.rbac !== undefined) filtered = { ...filtered, rbac: effects.rbac };
    if (verdict.kind === 'pass') return result(filtered);
    const ended = endOf(verdict);
    if (ended !== undefined) return result({ ...filtered, ...ended });
    if (verdict.kind === 'delay') {
      filtered = { ...filtered, delayMs: (filtered.delayMs ?? 0) + verdict.delayMs };
      const aborted = endOf(runAbort(verdict.filter, verdict.fault, subject));
      if (aborted !== undefined) return result({ ...filtered, ...aborted });
    }
    if (verdict.kind === 'head') {
      const request = changedRequest(subject.request, verdict.changes, effects.metadata);
      subject = { ...subject, request, decision: verdict.reroutes ? route(request) : subject.decision };
    }
    // Nobody is asked here: what his answer would let pass goes on.
    if (verdict.kind === 'check') filtered = { ...filtered, checkedBy: [...(filtered.checkedBy ?? []), verdict.authz.service.cluster] };
    from = 'next' in verdict ? verdict.next : manager.httpFilters.length;
  }
}

function endOf(verdict: FilterVerdict): Filtered | undefined {
  if (verdict.kind === 'denied') {
    const { filter, verdict: rbac } = verdict;
    return { filter, outcome: answered(403, '', `RBAC: access denied by ${rbac.policy ?? 'default'}`) };
  }
  return verdict.kind === 'answer' ? { filter: verdict.filter, outcome: outcomeOf(verdict.answer) } : undefined;
}

function outcomeOf({ status, flag, details }: FilterAnswer): Outcome {
  return answered(status, flag, details.replaceAll('_', ' '));
}

function answered(status: number, flag: FilterAnswer['flag'], because: string): Outcome {
  return { kind: 'local-reply', status, flag, because };
}
