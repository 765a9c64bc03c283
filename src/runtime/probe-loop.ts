// A probe asked again and again: tells each change between "well" and "not well", as thresholds of answers in a row decide.
import type { Probe } from '#api/kubernetes/container.ts';
import type { Clock } from '#base/clock.ts';
import type { ProbeOutcome } from '#runtime/probe.ts';

export type ProbeLoopOptions = {
  readonly probe: Probe;
  readonly ask: () => Promise<ProbeOutcome>;
  readonly clock: Clock;
  /** What holds before the first answer: liveness starts well, readiness and start-up do not. */
  readonly startsWell: boolean;
  readonly onChange: (well: boolean, reason: string) => void;
};

/**
 * Until the first success the probe is asked every 100 ms: differs from Kubernetes, where a container that starts in 50 ms is seen as
 * ready a whole period later.
 */
const eagerMs = 100;
/** A command is a program to start: not ten of them a second. */
const eagerCommandMs = 1_000;

/** Starts asking; the returned function ends it. Defaults are Kubernetes': period 10 s, thresholds 3 failures and 1 success. */
export function startProbeLoop({ probe, ask, clock, startsWell, onChange }: ProbeLoopOptions): () => void {
  const periodMs = Math.max(1, probe.periodSeconds ?? 10) * 1000;
  const failureThreshold = Math.max(1, probe.failureThreshold ?? 3);
  const successThreshold = Math.max(1, probe.successThreshold ?? 1);
  let isWell = startsWell;
  let inARow = 0;
  let hasSucceeded = startsWell;
  let ended = false;
  let cancel = (): void => {};

  const judge = (outcome: ProbeOutcome): void => {
    if (outcome.ok) hasSucceeded = true;
    if (outcome.ok === isWell) {
      inARow = 0;
      return;
    }
    inARow += 1;
    if (inARow < (outcome.ok ? successThreshold : failureThreshold)) return;
    inARow = 0;
    isWell = outcome.ok;
    onChange(isWell, outcome.ok ? '' : outcome.reason);
  };
  const turn = (): void => {
    void ask().then((outcome) => {
      if (ended) return;
      judge(outcome);
      if (!ended) cancel = clock.after(hasSucceeded ? periodMs : Math.min(periodMs, probe.exec === undefined ? eagerMs : eagerCommandMs), turn);
    });
  };
  cancel = clock.after((probe.initialDelaySeconds ?? 0) * 1000, turn);
  return () => {
    ended = true;
    cancel();
  };
}
