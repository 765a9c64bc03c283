// What happened to the pods of a running mesh, the newest of it, in memory: for `heddle describe` and `heddle get events`.
import { assertNever } from '#base/assert-never.ts';
import type { RuntimeEvent } from '#runtime/event.ts';

export type LoggedEvent = {
  readonly atMs: number;
  /** `namespace/name` of the pod. */
  readonly workload: string;
  readonly type: 'Normal' | 'Warning';
  /** One word, as kubelet's. */
  readonly reason: string;
  readonly message: string;
};

/** Of each pod, and of how many pods: enough for what is going on, little enough to forget about. */
const mostPerPod = 40;
const mostPods = 1_000;

export class EventLog {
  /** The pod of which something happened last stands last. */
  readonly #byPod = new Map<string, LoggedEvent[]>();

  /** Events that are about no pod are passed over. */
  add(event: { readonly kind: string }, atMs: number): void {
    const logged = loggedEvent(event, atMs);
    if (logged === undefined) return;
    const events = this.#byPod.get(logged.workload) ?? [];
    events.push(logged);
    if (events.length > mostPerPod) events.shift();
    this.#byPod.delete(logged.workload);
    this.#byPod.set(logged.workload, events);
    const [quietest] = this.#byPod.keys();
    if (this.#byPod.size > mostPods && quietest !== undefined) this.#byPod.delete(quietest);
  }

  /** Oldest first. */
  of(workload: string): readonly LoggedEvent[] {
    return this.#byPod.get(workload) ?? [];
  }

  /** Of all pods, oldest first. */
  all(): readonly LoggedEvent[] {
    return [...this.#byPod.values()].flat().sort((a, b) => a.atMs - b.atMs);
  }
}

function loggedEvent(event: { readonly kind: string }, atMs: number): LoggedEvent | undefined {
  if (!isOfPod(event)) return undefined;
  const [type, reason, message] = wordsOf(event);
  return { atMs, workload: event.workload, type, reason, message };
}

type PodEvent = Exclude<RuntimeEvent, { readonly kind: 'diagnostics' }>;

function isOfPod(event: { readonly kind: string }): event is PodEvent {
  return 'workload' in event;
}

function wordsOf(event: PodEvent): readonly [LoggedEvent['type'], string, string] {
  switch (event.kind) {
    case 'starting':
      return ['Normal', 'Started', `container ${event.container}: ${event.command}`];
    case 'ready':
      return ['Normal', 'Ready', `after ${event.afterMs} ms`];
    case 'unready':
      return ['Warning', 'Unready', event.reason];
    case 'exited':
      return ['Warning', 'Exited', `container ${event.container}: ${event.how}${event.hint === undefined ? '' : `; ${event.hint}`}`];
    case 'restarting':
      return [
        'Warning',
        event.inMs === 0 ? 'Restarting' : 'BackOff',
        `container ${event.container}, ${event.inMs === 0 ? 'now' : `in ${event.inMs / 1000} s`} (${event.restarts})`,
      ];
    case 'unlive':
      return ['Warning', 'Unhealthy', `container ${event.container} is ended and started again: ${event.reason}`];
    case 'replacing':
      return ['Normal', 'Replacing', event.reason];
    case 'stopping':
      return ['Normal', 'Stopping', 'out of load balancing; then drained and ended'];
    case 'stopped':
      return event.forced ? ['Warning', 'Killed', `${event.killed?.join(', ') ?? 'it'} did not end in time`] : ['Normal', 'Stopped', 'ended'];
    case 'completed':
      return event.succeeded ? ['Normal', 'Completed', 'all containers ended well'] : ['Warning', 'Failed', 'a container ended badly, for good'];
    case 'notice':
      return ['Warning', 'Notice', `${event.message}${event.hint === undefined ? '' : `; ${event.hint}`}`];
    default:
      return assertNever(event, 'event of a pod');
  }
}
