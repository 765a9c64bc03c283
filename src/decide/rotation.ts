// Whose turn it is: round robin, with weights where they differ. Over a full round each index comes as often as its weight says,
// and spread out rather than in a row (earliest deadline first, as Envoy's scheduler).

export class Rotation {
  readonly #weights: readonly number[];
  readonly #equal: boolean;
  /** Unequal weights: when each index is due next; the earliest one goes, the lowest index on a tie. */
  readonly #deadlines: number[];
  #next: number;

  /** `random` in [0, 1) says where to begin. */
  constructor(weights: readonly number[], random: number) {
    this.#weights = weights;
    this.#equal = weights.every((weight) => weight === weights[0]);
    this.#deadlines = weights.map((weight) => 1 / weight);
    this.#next = Math.floor(random * weights.length);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    if (!this.#equal) for (let step = Math.floor(random * Math.min(total, 1000)); step > 0; step--) this.#earliest();
  }

  /** The index whose turn it is. There must be one. */
  next(): number {
    return this.#equal ? this.#inTurn() : this.#earliest();
  }

  #inTurn(): number {
    const index = this.#next;
    this.#next = index + 1 >= this.#weights.length ? 0 : index + 1;
    return index;
  }

  #earliest(): number {
    let best = 0;
    for (let index = 1; index < this.#deadlines.length; index++) {
      if ((this.#deadlines[index] ?? 0) < (this.#deadlines[best] ?? 0)) best = index;
    }
    this.#deadlines[best] = (this.#deadlines[best] ?? 0) + 1 / (this.#weights[best] ?? 1);
    return best;
  }
}
