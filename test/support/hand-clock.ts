// A clock that stands still until it is told to go on.
import type { Clock } from '#base/clock.ts';

export class HandClock implements Clock {
  #nowMs = 0;
  #timers: { readonly dueMs: number; readonly run: () => void }[] = [];

  readonly nowMs = (): number => 1_700_000_000_000 + this.#nowMs;

  readonly monotonicMs = (): number => this.#nowMs;

  readonly after = (delayMs: number, run: () => void): (() => void) => {
    const timer = { dueMs: this.#nowMs + delayMs, run };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((other) => other !== timer));
  };

  /** Timers that are set. */
  get pending(): number {
    return this.#timers.length;
  }

  /** Goes on by so much; what is due on the way runs in its order, each at its own time. */
  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    for (let next = this.#takeDue(untilMs); next !== undefined; next = this.#takeDue(untilMs)) {
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.run();
    }
    this.#nowMs = untilMs;
  }

  #takeDue(untilMs: number): { readonly dueMs: number; readonly run: () => void } | undefined {
    const next = this.#timers.filter(({ dueMs }) => dueMs <= untilMs).toSorted((a, b) => a.dueMs - b.dueMs)[0];
    this.#timers = this.#timers.filter((timer) => timer !== next);
    return next;
  }
}
