// Envoy's slow start: the share of its weight that an endpoint gets `ageMs` after it was added.
import type { SlowStart } from '#decide/balancing-entry.ts';

/** In (0, 1]; 1 once the window is over. */
export function slowStartShare({ windowMs, aggression, minimum }: SlowStart, ageMs: number): number {
  if (ageMs >= windowMs) return 1;
  const time = Math.max(1, Math.floor(ageMs)) / windowMs;
  return Math.max(aggression === 1 ? time : time ** (1 / aggression), minimum);
}
