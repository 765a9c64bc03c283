// Sends what a schedule says, when it says so, and tells the tally. What cannot be sent in time, because no connection is free or the machine is busy, is sent
// late and counted from its planned time. Ends when every request has ended, which is some time after the last was due at the latest, or when it is interrupted.
import type { Schedule } from '#app/load/schedule.ts';
import type { LoadTally, Outcome } from '#app/load/tally.ts';
import type { Clock } from '#base/clock.ts';

/** Whatever carries requests: a pool of connections of one protocol. */
export type Sender = {
  /** How many more requests can be sent now. */
  readonly free: () => number;
  /** Sends one; `done` is called once, in bounded time. */
  readonly send: (done: (outcome: Outcome) => void) => void;
  /** Ends all connections. Requests that are out are not told any more. */
  readonly close: () => void;
};

export type GeneratorOptions = {
  readonly schedule: Schedule;
  readonly sender: Sender;
  readonly tally: LoadTally;
  readonly clock: Pick<Clock, 'monotonicMs' | 'after'>;
  /** How long after the last request was due others are still sent. */
  readonly graceMs: number;
  /** Interrupts the load: nothing more is sent, and what is out is left. */
  readonly stop: AbortSignal;
};

/** Resolves with how long the load took, in milliseconds. */
export function generate({ schedule, sender, tally, clock, graceMs, stop }: GeneratorOptions): Promise<number> {
  const startedMs = clock.monotonicMs();
  const elapsed = (): number => clock.monotonicMs() - startedMs;
  const { promise, resolve } = Promise.withResolvers<number>();
  /** When each request that is due and not sent was seen to be due: they follow one another. */
  let seen: number[] = [];
  let due = 0;
  let sent = 0;
  let ended = 0;
  /** What must have ended before the load has. */
  let awaited = schedule.total;
  let isOver = false;
  let cancelTimer = (): void => {};

  const end = (): void => {
    isOver = true;
    cancelTimer();
    stop.removeEventListener('abort', end);
    sender.close();
    resolve(elapsed());
  };
  const giveUp = (): void => {
    const now = elapsed();
    for (let index = sent; index < due; index++) tally.neverSent(schedule.plannedMs(index), now);
    awaited = sent;
    if (ended === awaited) end();
  };
  const sendNext = (): void => {
    const sentMs = elapsed();
    const plannedMs = schedule.plannedMs(sent);
    tally.sent(sentMs - (seen[sent - (due - seen.length)] ?? sentMs));
    sent += 1;
    sender.send((outcome) => {
      if (isOver) return;
      ended += 1;
      tally.ended({ plannedMs, sentMs, endedMs: elapsed() }, outcome);
      if (ended === awaited) end();
      else sendDue();
    });
  };
  const sendDue = (): void => {
    while (!isOver && sent < Math.min(due, awaited) && sender.free() > 0) sendNext();
    if (sent === due) seen = [];
  };
  const look = (): void => {
    const now = elapsed();
    for (const until = schedule.dueBy(now); due < until; due++) {
      tally.due(now - schedule.plannedMs(due));
      seen.push(now);
    }
    sendDue();
    if (isOver) return;
    const isLast = due === schedule.total;
    const waitMs = isLast ? schedule.plannedMs(due - 1) + graceMs - elapsed() : schedule.plannedMs(due) - elapsed();
    cancelTimer = clock.after(Math.max(0, waitMs), isLast ? giveUp : look);
  };

  if (stop.aborted) end();
  else {
    stop.addEventListener('abort', end);
    look();
  }
  return promise;
}
