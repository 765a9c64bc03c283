// Deadlines of connections and requests: one coarse tick for all of them instead of a runtime timer each.
// Arming an armed timer for later is one store; a deadline is kept within two ticks, never early.
import type { Clock } from '#base/clock.ts';

const slotCount = 512;

export type TimerOwner = { readonly onTimer: (timer: Timer) => void };

/** One deadline, owned by a connection or a request and used over and over. */
export class Timer {
  readonly wheel: TimerWheel;
  readonly owner: TimerOwner;
  /** Infinity while disarmed. */
  deadlineMs = Infinity;
  /** Where it is linked; undefined while it is not. Only the wheel writes these. */
  slot = -1;
  previous: Timer | undefined = undefined;
  next: Timer | undefined = undefined;
  firesMs = 0;

  constructor(wheel: TimerWheel, owner: TimerOwner) {
    this.wheel = wheel;
    this.owner = owner;
  }

  /** Calls the owner once after `delayMs` from now; replaces the deadline before. 0 or less disarms. */
  arm(delayMs: number): void {
    if (delayMs <= 0) this.deadlineMs = Infinity;
    else this.wheel.schedule(this, delayMs);
  }

  /** Stops it but leaves it linked: for timers that are armed again soon. */
  disarm(): void {
    this.deadlineMs = Infinity;
  }

  /** Stops it for good. */
  release(): void {
    this.deadlineMs = Infinity;
    if (this.slot !== -1) this.wheel.unlink(this);
  }
}

export class TimerWheel {
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #slots: (Timer | undefined)[] = new Array<Timer | undefined>(slotCount).fill(undefined);
  #nowMs = 0;
  #tick = 0;
  #linked = 0;
  #stop: (() => void) | undefined = undefined;
  readonly #onTick = (): void => this.#advance();

  constructor(clock: Clock, tickMs = 20) {
    this.#clock = clock;
    this.#tickMs = tickMs;
  }

  schedule(timer: Timer, delayMs: number): void {
    if (this.#stop === undefined) this.#start();
    timer.deadlineMs = this.#nowMs + delayMs + this.#tickMs;
    if (timer.slot === -1) this.#link(timer);
    else if (timer.deadlineMs < timer.firesMs) {
      this.unlink(timer);
      this.#link(timer);
    }
  }

  unlink(timer: Timer): void {
    if (timer.previous === undefined) this.#slots[timer.slot] = timer.next;
    else timer.previous.next = timer.next;
    if (timer.next !== undefined) timer.next.previous = timer.previous;
    timer.slot = -1;
    timer.previous = undefined;
    timer.next = undefined;
    this.#linked--;
  }

  /** A deadline beyond the wheel's horizon waits in the last slot and is linked again from there. */
  #link(timer: Timer): void {
    const ticks = Math.min(Math.max(Math.ceil((timer.deadlineMs - this.#nowMs) / this.#tickMs), 1), slotCount - 1);
    const slot = (this.#tick + ticks) % slotCount;
    timer.firesMs = this.#nowMs + ticks * this.#tickMs;
    timer.slot = slot;
    timer.next = this.#slots[slot];
    timer.previous = undefined;
    if (timer.next !== undefined) timer.next.previous = timer;
    this.#slots[slot] = timer;
    this.#linked++;
  }

  #start(): void {
    this.#nowMs = this.#clock.monotonicMs();
    this.#stop = this.#clock.after(this.#tickMs, this.#onTick);
  }

  #advance(): void {
    const until = this.#clock.monotonicMs();
    // A loop that stood still for long catches up slot by slot; timers fire in the order of their deadlines within a tick.
    while (this.#nowMs + this.#tickMs <= until) {
      this.#nowMs += this.#tickMs;
      this.#tick = (this.#tick + 1) % slotCount;
      this.#fire(this.#tick);
      if (this.#linked === 0) break;
    }
    this.#stop = this.#linked === 0 ? undefined : this.#clock.after(this.#tickMs, this.#onTick);
  }

  #fire(slot: number): void {
    let timer = this.#slots[slot];
    while (timer !== undefined) {
      this.unlink(timer);
      if (timer.deadlineMs <= this.#nowMs) {
        timer.deadlineMs = Infinity;
        timer.owner.onTimer(timer);
      } else if (timer.deadlineMs !== Infinity) this.#link(timer);
      timer = this.#slots[slot];
    }
  }
}
