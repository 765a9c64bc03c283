// When a certificate is due, and how long to wait after a failure. Two clocks are asked, because either may be wrong: the time of day jumps, and
// the steady clock stands still while a machine sleeps.
import type { Clock } from '#base/clock.ts';

/** Istio's SECRET_GRACE_PERIOD_RATIO and its jitter: half of the life is left, one hundredth more or less. */
const graceRatio = 0.5;
const jitterRatio = 0.01;

export type Life = { readonly notBeforeMs: number; readonly notAfterMs: number };

export type Renewal = {
  /** Whether it is time for a new certificate. */
  readonly isDue: () => boolean;
  /** By the time of day, for the log. */
  readonly dueAtMs: number;
  /** The time of day here and the certificate contradict each other, so that the steady clock alone counts. */
  readonly clockDiffers: boolean;
};

/** From the moment the certificate came. `random`: a number in [0, 1). */
export function planRenewal({ notBeforeMs, notAfterMs }: Life, clock: Clock, random: () => number): Renewal {
  const lifeMs = notAfterMs - notBeforeMs;
  const leftMs = lifeMs * (graceRatio + (random() * 2 - 1) * jitterRatio);
  const dueAtMs = notAfterMs - leftMs;
  const receivedAtMs = clock.monotonicMs();
  const inLife = (nowMs: number) => nowMs >= notBeforeMs && nowMs < dueAtMs;
  const clockDiffers = !inLife(clock.nowMs());
  const isDue = () => clock.monotonicMs() - receivedAtMs >= lifeMs - leftMs || (!clockDiffers && !inLife(clock.nowMs()));
  return { isDue, dueAtMs, clockDiffers };
}

const firstDelayMs = 200;
/** While there is no certificate yet a workload waits; later nobody does. */
const longestDelayMs = { waiting: 5_000, renewing: 60_000 };

/** Milliseconds after the `failures`-th failure in a row, from 1: doubling from 200 ms, the upper half of each by chance. */
export function retryDelayMs(failures: number, state: 'waiting' | 'renewing', random: () => number): number {
  const ceilingMs = Math.min(longestDelayMs[state], firstDelayMs * 2 ** Math.min(failures - 1, 20));
  return ceilingMs / 2 + (random() * ceilingMs) / 2;
}
