// How long a new listener or cluster waits for the secrets that it names: until all are there, or until each that is not has had its time.
// Source: Envoy, ConfigSource.initial_fetch_timeout (0: for ever).
import type { Clock } from '#base/clock.ts';
import type { SecretReference } from '#decide/tls-entry.ts';

export type SecretNeeds = {
  /** Why a secret can never come; undefined: it may. */
  readonly problem: (secret: SecretReference) => string | undefined;
  /** Those of them that are not there. */
  readonly missing: (secrets: readonly SecretReference[]) => readonly SecretReference[];
};

export class SecretWait {
  readonly #secrets: readonly SecretReference[];
  readonly #needs: SecretNeeds;
  readonly #clock: Clock;
  #waitedMs = 0;
  #cancel: (() => void) | undefined;

  constructor(secrets: readonly SecretReference[], needs: SecretNeeds, clock: Clock) {
    this.#secrets = secrets;
    this.#needs = needs;
    this.#clock = clock;
  }

  get isOver(): boolean {
    return this.#secrets.length === 0 || this.#needs.missing(this.#secrets).every((secret) => this.#hadItsTime(secret));
  }

  /** Names of those that are not there. */
  get missing(): readonly string[] {
    return this.#needs.missing(this.#secrets).map(({ name }) => name);
  }

  /** Calls `onTime` when the last of them has had its time; not where one is waited for without end, nor after `stop`. */
  start(onTime: () => void): void {
    const timeouts = this.#needs.missing(this.#secrets).map(({ fetchTimeoutMs }) => fetchTimeoutMs);
    if (timeouts.length === 0 || timeouts.includes(0)) return;
    const longest = Math.max(...timeouts);
    this.#cancel = this.#clock.after(longest, () => {
      this.#waitedMs = longest;
      onTime();
    });
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #hadItsTime({ fetchTimeoutMs }: SecretReference): boolean {
    return fetchTimeoutMs > 0 && this.#waitedMs >= fetchTimeoutMs;
  }
}
