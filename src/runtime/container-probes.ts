// The three probes of one start of a container, as kubelet runs them: the start-up probe alone until it succeeds, then readiness and liveness side by side.
// In: the probes and how one is asked. Out: what they say, told as it changes.
import type { Probe } from '#api/kubernetes/container.ts';
import type { Clock } from '#base/clock.ts';
import type { ProbeOutcome } from '#runtime/probe.ts';
import { startProbeLoop } from '#runtime/probe-loop.ts';

export type ContainerProbes = {
  readonly startup?: Probe | undefined;
  readonly readiness?: Probe | undefined;
  readonly liveness?: Probe | undefined;
};

export type ProbeName = 'startup' | 'readiness' | 'liveness';

export type ContainerProbeOptions = ContainerProbes & {
  readonly ask: (probe: Probe) => Promise<ProbeOutcome>;
  readonly clock: Clock;
  /** The container has started: its start-up probe has succeeded, or it has none. */
  readonly onStarted: () => void;
  /** Without a readiness probe: ready with the start. */
  readonly onReady: (ready: boolean, reason: string) => void;
  /** It must be started again. `graceMs`: what the probe gives it to end, where it says so. */
  readonly onUnlive: (reason: string, graceMs: number | undefined) => void;
  /** A probe has failed for a while: once for each probe. */
  readonly onFailing: (name: ProbeName, probe: Probe, reason: string) => void;
};

/** When a probe that never succeeds is worth a word. */
const patienceMs = 3_000;

/** Starts them; the returned function ends them. */
export function startContainerProbes(options: ContainerProbeOptions): () => void {
  const { startup, readiness, liveness, clock, onStarted, onReady, onUnlive } = options;
  const ends: (() => void)[] = [];
  const end = (): void => {
    for (const one of ends.splice(0)) one();
  };
  const begin = (): void => {
    onStarted();
    if (readiness === undefined) onReady(true, '');
    else ends.push(loop(options, 'readiness', readiness, onReady));
    if (liveness !== undefined) ends.push(loop(options, 'liveness', liveness, (_, reason) => onUnlive(`liveness: ${reason}`, graceOf(liveness))));
  };
  if (startup === undefined) {
    begin();
    return end;
  }
  // As long as that many periods take: it is asked more often than once a period until it succeeds.
  const budgetMs = ((startup.initialDelaySeconds ?? 0) + (startup.periodSeconds ?? 10) * (startup.failureThreshold ?? 3)) * 1000;
  ends.push(clock.after(budgetMs, () => onUnlive(`start-up: no success within ${budgetMs / 1000} s`, graceOf(startup))));
  ends.push(
    loop(options, 'startup', startup, (well) => {
      if (!well) return;
      end();
      begin();
    }),
  );
  return end;
}

function graceOf({ terminationGracePeriodSeconds: seconds }: Probe): number | undefined {
  return seconds === undefined ? undefined : seconds * 1000;
}

function loop(
  { ask, clock, onFailing }: ContainerProbeOptions,
  name: ProbeName,
  probe: Probe,
  onChange: (well: boolean, reason: string) => void,
): () => void {
  const startedMs = clock.monotonicMs();
  let isTold = false;
  return startProbeLoop({
    probe,
    clock,
    startsWell: name === 'liveness',
    onChange,
    ask: async () => {
      const outcome = await ask(probe);
      if (!outcome.ok && !isTold && clock.monotonicMs() - startedMs >= patienceMs) {
        isTold = true;
        onFailing(name, probe, outcome.reason);
      }
      return outcome;
    },
  });
}
