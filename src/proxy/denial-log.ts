// Says in the proxy's log why somebody was not let in: policy, rule and field. Whoever knocks without end does not fill the log: so many lines a second,
// then only how many more there were.
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/logger.ts';

const linesASecond = 10;

export class DenialLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  #windowMs = Number.NEGATIVE_INFINITY;
  #lines = 0;
  #left = 0;

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  /** `what` was denied to `from` (an address, or a request's own words); `why` is asked for only where the line is written. */
  note(what: 'connection' | 'request' | 'TLS handshake', from: string, why: () => string): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#windowMs >= 1000) this.#open(nowMs);
    if (this.#lines >= linesASecond) {
      this.#left++;
      return;
    }
    this.#lines++;
    this.#logger.log('warn', `${what} denied: ${why()}`, { from });
  }

  #open(nowMs: number): void {
    if (this.#left > 0) this.#logger.log('warn', `${this.#left} more were denied within a second`);
    this.#windowMs = nowMs;
    this.#lines = 0;
    this.#left = 0;
  }
}
