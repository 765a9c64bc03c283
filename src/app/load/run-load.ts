// A load from beginning to end: its schedule, its connections, its tally. In: a plan, and who wants to hear how far it is. Out: the report.
import { generate } from '#app/load/generator.ts';
import type { LoadPlan } from '#app/load/load-plan.ts';
import { constantRate } from '#app/load/schedule.ts';
import { type LoadReport, LoadTally } from '#app/load/tally.ts';
import type { Clock } from '#base/clock.ts';

export type LoadOptions = {
  readonly clock: Pick<Clock, 'monotonicMs' | 'after'>;
  /** Ends the load with what there is by then. */
  readonly stop: AbortSignal;
  /** Called every so often while it goes on. */
  readonly onProgress?: (report: LoadReport) => void;
};

const progressMs = 500;

export async function runLoad(plan: LoadPlan, { clock, stop, onProgress }: LoadOptions): Promise<LoadReport> {
  const tally = new LoadTally();
  const startedMs = clock.monotonicMs();
  let cancel = (): void => {};
  const tell = (): void => {
    onProgress?.(tally.report(clock.monotonicMs() - startedMs));
    cancel = clock.after(progressMs, tell);
  };
  if (onProgress !== undefined) cancel = clock.after(progressMs, tell);
  const schedule = constantRate(plan.ratePerSecond, plan.durationMs);
  const elapsedMs = await generate({ schedule, sender: await senderOf(plan, clock), tally, clock, graceMs: plan.timeoutMs, stop });
  cancel();
  return tally.report(elapsedMs);
}

async function senderOf(plan: LoadPlan, clock: Pick<Clock, 'after'>) {
  if (plan.protocol === 'http1') return (await import('#app/load/http1-sender.ts')).http1Sender(plan, clock);
  return (await import('#app/load/http2-sender.ts')).http2Sender(plan, clock);
}
