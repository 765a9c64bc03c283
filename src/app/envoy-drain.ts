// The end of an Envoy without failed requests, asked for over its admin port.
import type { EnvoyAdmin } from '#agent/envoy-admin.ts';
import type { Clock } from '#base/clock.ts';

const pollMs = 50;
/** Workers of other Envoys learn of an endpoint that is gone a moment after their Envoy has said so: that long nothing must have come. */
const quietMs = 250;

/**
 * Listeners close gracefully; waits until no request is under way and none has come for a moment, or for the deadline. `inboundOnly`: the app goes on
 * calling others.
 */
export async function drainEnvoy(
  admin: Pick<EnvoyAdmin, 'drainListeners' | 'requests'>,
  clock: Pick<Clock, 'monotonicMs' | 'after'>,
  deadlineMs: number,
  { inboundOnly = false }: { readonly inboundOnly?: boolean } = {},
): Promise<void> {
  const endMs = clock.monotonicMs() + deadlineMs;
  try {
    await admin.drainListeners(inboundOnly);
    let { active, total } = await admin.requests(inboundOnly);
    let quietSinceMs = clock.monotonicMs();
    while (clock.monotonicMs() < endMs && (active > 0 || clock.monotonicMs() - quietSinceMs < quietMs)) {
      await new Promise<void>((resolve) => void clock.after(pollMs, resolve));
      const now = await admin.requests(inboundOnly);
      if (now.total !== total || now.active > 0) quietSinceMs = clock.monotonicMs();
      ({ active, total } = now);
    }
  } catch {
    // An Envoy that does not answer has nothing to drain.
  }
}
