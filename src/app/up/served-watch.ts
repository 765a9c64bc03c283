// Looks at each pod some time after it became ready, whether somebody listens where Services lead, and tells it once where nobody does: a pod without a
// probe of that port is ready all the same.
import type { KindMap } from '#api/kinds.ts';
import { unservedPort } from '#app/up/unserved-port.ts';
import type { Clock } from '#base/clock.ts';
import type { EmitEvent, RuntimeEvent } from '#runtime/event.ts';
import type { PodRun } from '#runtime/pod-run.ts';

export type ServedWatchOptions = {
  readonly current: () => readonly PodRun[];
  readonly services: () => Iterable<KindMap['Service']>;
  readonly clock: Clock;
  readonly emit: EmitEvent;
};

/** What a program may take from its start to its first listening socket, where no probe says when it is ready. */
const patienceMs = 3_000;

/** Takes every event of the pods. */
export function servedWatch({ current, services, clock, emit }: ServedWatchOptions): (event: RuntimeEvent) => void {
  /** The last that was told of each pod that is there. */
  const told = new Map<string, string>();
  const look = async (workload: string): Promise<void> => {
    const run = current().find(({ plan, ready }) => plan.key === workload && ready);
    if (run === undefined) return;
    const found = await unservedPort(run, services());
    if (found === undefined || !run.ready || told.get(workload) === found.message) return;
    told.set(workload, found.message);
    emit({ kind: 'notice', workload, ...found });
  };
  return (event) => {
    if (event.kind === 'stopped') told.delete(event.workload);
    else if (event.kind === 'ready') clock.after(patienceMs, () => void look(event.workload));
  };
}
