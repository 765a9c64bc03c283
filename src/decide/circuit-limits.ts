// Limits of a cluster that follow from what it uses at the moment (Envoy: CircuitBreakers).
import type { CircuitLimits } from '#decide/cluster-entry.ts';

/** Requests that have a connection, those that wait for one, and retries that are under way or wait for their turn. */
export type Usage = { readonly requests: number; readonly pendingRequests: number; readonly retries: number };

/** Whether one more retry may be made: by a budget where there is one, else by a number. */
export function mayRetry({ retryBudget, maxRetries }: Pick<CircuitLimits, 'retryBudget' | 'maxRetries'>, usage: Usage): boolean {
  if (retryBudget === undefined) return usage.retries < maxRetries;
  const share = Math.floor((retryBudget.percent / 100) * (usage.requests + usage.pendingRequests));
  return usage.retries < Math.max(share, retryBudget.minConcurrency);
}
