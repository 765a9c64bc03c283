// When each request of a load at a constant rate is due. Pure: the plan stands before the first request and no answer changes it, so that a server that is
// slow is not asked less (no coordinated omission).

export type Schedule = {
  /** How many requests there are in all; at least one. */
  readonly total: number;
  /** When request `index` is due, from the start of the load. */
  readonly plannedMs: (index: number) => number;
  /** How many are due when `elapsedMs` have passed: those with a planned time up to then. */
  readonly dueBy: (elapsedMs: number) => number;
};

/** The first request is due at once, the others each a step later, all within the duration. */
export function constantRate(ratePerSecond: number, durationMs: number): Schedule {
  const total = Math.max(1, Math.round((ratePerSecond * durationMs) / 1000));
  const plannedMs = (index: number): number => (index * 1000) / ratePerSecond;
  const dueBy = (elapsedMs: number): number => {
    if (elapsedMs < 0) return 0;
    // Products of fractions may miss a whole number by a hair: the planned times are the truth.
    let count = Math.floor((elapsedMs * ratePerSecond) / 1000);
    while (count < total && plannedMs(count) <= elapsedMs) count += 1;
    return Math.min(total, count);
  };
  return { total, plannedMs, dueBy };
}
