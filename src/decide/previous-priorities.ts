// Envoy's previous_priorities: a request that is retried leaves the priorities that earlier tries went to, every so many tries one step further.

export class PreviousPriorities {
  readonly #updateFrequency: number;
  #tried: number[] = [];
  #excluded: ReadonlySet<number> | undefined;

  /** `updateFrequency`: tries between two looks at what was tried, at least 1. */
  constructor(updateFrequency: number) {
    this.#updateFrequency = updateFrequency;
  }

  onTry(priority: number): void {
    this.#tried.push(priority);
  }

  /** What the next try shall not go to; undefined: it may go anywhere. */
  excluded(): ReadonlySet<number> | undefined {
    if (this.#tried.length >= this.#updateFrequency && this.#tried.length % this.#updateFrequency === 0) this.#excluded = new Set(this.#tried);
    return this.#excluded;
  }

  /** All of them have been tried: it begins again. */
  reset(): void {
    this.#tried = [];
    this.#excluded = undefined;
  }
}
