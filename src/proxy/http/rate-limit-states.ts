// The token buckets of the proxy, by the limit that they belong to. They go when nobody has the limit any more; a limit that was compiled anew
// begins with full buckets, as Envoy's do.
import type { RateLimitEntry } from '#decide/rate-limit.ts';
import { newRateLimitState, type RateLimitState } from '#decide/rate-limit-take.ts';

export class RateLimitStates {
  readonly #states = new WeakMap<RateLimitEntry, RateLimitState>();

  of(limit: RateLimitEntry): RateLimitState {
    const known = this.#states.get(limit);
    if (known !== undefined) return known;
    const state = newRateLimitState();
    this.#states.set(limit, state);
    return state;
  }
}
