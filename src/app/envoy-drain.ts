// The end of an Envoy without failed requests, asked for over its admin port.
import type { EnvoyAdmin } from '#agent/envoy-admin.ts';
import type { Clock } from '#base/clock.ts';

const pollMs = 50;

/** Listeners close gracefully; waits for the requests under way, or for the deadline. */
export async function drainEnvoy(admin: EnvoyAdmin, clock: Clock, deadlineMs: number): Promise<void> {
  const endMs = clock.monotonicMs() + deadlineMs;
  try {
    await admin.drainListeners();
    while (clock.monotonicMs() < endMs && (await admin.activeRequests()) > 0) {
      await new Promise<void>((resolve) => void clock.after(pollMs, resolve));
    }
  } catch {
    // An Envoy that does not answer has nothing to drain.
  }
}
