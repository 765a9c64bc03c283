// What the HTTP filters make of one call, with buckets that are full and all the time that is needed: the part of a decision between
// its route and what the route does.

import type { Call, Decision, Outcome } from '#decide/decision.ts';
import { type FilterAnswer, type FilterSubject, type FilterVerdict, noEffects, runAbort, runHttpFilters } from '#decide/filter-run.ts';
import type { HttpManagerEntry } from '#decide/listener-entry.ts';
import { newRateLimitState } from '#decide/rate-limit-take.ts';
import type { RouteDecision } from '#decide/route-entry.ts';
import type { Trace } from '#decide/trace.ts';
import type { RequestView } from '#decide/views.ts';

/** `outcome` is undefined where the request goes on. */
export type Filtered = Pick<Decision, 'rbac' | 'filter' | 'delayMs'> & { readonly outcome?: Outcome };

export function decideFilters(
  manager: HttpManagerEntry,
  call: Call,
  request: RequestView,
  decision: RouteDecision,
  trace: Trace | undefined,
): Filtered {
  const { connection, random = 0 } = call;
  const subject: FilterSubject = {
    request,
    decision,
    trace,
    connection: () => connection,
    remoteIp: connection.remoteAddress ?? connection.sourceAddress,
    random: () => random,
    nowMs: () => 0,
    activeFaults: 0,
    limitState: newRateLimitState,
  };
  const effects = noEffects();
  let filtered: Filtered = {};
  for (let from = 0; ; ) {
    const verdict = runHttpFilters(manager.httpFilters, from, subject, effects);
    if (effects.rbac !== undefined) filtered = { ...filtered, rbac: effects.rbac };
    if (verdict.kind === 'pass') return filtered;
    const ended = endOf(verdict);
    if (ended !== undefined) return { ...filtered, ...ended };
    if (verdict.kind === 'delay') {
      filtered = { ...filtered, delayMs: (filtered.delayMs ?? 0) + verdict.delayMs };
      const aborted = endOf(runAbort(verdict.filter, verdict.fault, subject));
      if (aborted !== undefined) return { ...filtered, ...aborted };
    }
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

function answered(status: number, flag: '' | 'FI' | 'RL', because: string): Outcome {
  return { kind: 'local-reply', status, flag, because };
}
