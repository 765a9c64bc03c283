// Waiting for a state that announces itself by no event: asked again and again until a deadline, never a fixed pause.
import { setTimeout as delay } from 'node:timers/promises';

/** The first value of `probe` that is neither undefined nor false. A probe that throws counts as "not yet"; its last error is the cause of ours. */
export async function waitUntil<Value>(
  what: string,
  probe: () => Promise<Value | undefined | false> | Value | undefined | false,
  { timeoutMs = 10_000, everyMs = 20 }: { readonly timeoutMs?: number; readonly everyMs?: number } = {},
): Promise<Value> {
  const deadline = performance.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`, { cause: last });
    await delay(everyMs);
  }
}
