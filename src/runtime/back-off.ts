// How long to wait before a container that ended is started again.

const firstMs = 1_000;
const longestMs = 60_000;
/** A container that ran this long is taken to be well: its next end starts the series anew. */
const wellAfterMs = 60_000;

/** The waits of one container: 0, then 1 s, doubled up to a minute. Differs from Kubernetes (10 s up to 5 min): somebody is watching. */
export class BackOff {
  #ends = 0;

  /** Milliseconds to wait after an end that came `ranMs` after the start. */
  next(ranMs: number): number {
    if (ranMs >= wellAfterMs) this.#ends = 0;
    const waitMs = this.#ends === 0 ? 0 : Math.min(longestMs, firstMs * 2 ** (this.#ends - 1));
    this.#ends += 1;
    return waitMs;
  }
}
