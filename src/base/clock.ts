// Time comes in from outside, so that tests drive it by hand.

/** Milliseconds since the epoch, and since an arbitrary start for intervals; timers that return their own cancellation. */
export type Clock = {
  readonly nowMs: () => number;
  readonly monotonicMs: () => number;
  /** Calls `run` once after `delayMs`; the returned function cancels it. The timer does not keep the process alive. */
  readonly after: (delayMs: number, run: () => void) => () => void;
};

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after: (delayMs, run) => {
    if (delayMs > longestTimerMs) return afterLong(delayMs, run);
    const timer = setTimeout(run, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Node's timers: what is longer they take for a millisecond. */
const longestTimerMs = 2 ** 31 - 1;

function afterLong(delayMs: number, run: () => void): () => void {
  let cancel = systemClock.after(longestTimerMs, () => {
    cancel = systemClock.after(delayMs - longestTimerMs, run);
  });
  return () => cancel();
}
