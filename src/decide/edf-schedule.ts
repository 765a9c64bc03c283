// Whose turn it is where weights differ: earliest deadline first, as Envoy's EdfScheduler. Over a full round each index comes as often as its weight
// says, spread out rather than in a row. A weight is asked for anew each time its index was picked, so it may change with time and load.

export class EdfSchedule {
  readonly #weightOf: (index: number) => number;
  /** A binary heap of indices, the earliest deadline on top; on a tie the one that has waited longer. */
  readonly #heap: Int32Array;
  readonly #deadlines: Float64Array;
  readonly #arrivals: Float64Array;
  #arrived = 0;

  /** Weights must be above 0. `random` in [0, 1) says where in a round to begin, so that many proxies do not all start with the same host. */
  constructor(count: number, weightOf: (index: number) => number, random: number) {
    this.#weightOf = weightOf;
    this.#heap = new Int32Array(count);
    this.#deadlines = new Float64Array(count);
    this.#arrivals = new Float64Array(count);
    let total = 0;
    for (let index = 0; index < count; index++) {
      total += weightOf(index);
      this.#deadlines[index] = 1 / weightOf(index);
      this.#arrivals[index] = this.#arrived++;
      this.#heap[index] = index;
      this.#rise(index);
    }
    for (let step = Math.floor(random * Math.min(total, longestStart)); step > 0; step--) this.next();
  }

  /** The index whose turn it is. There must be one. */
  next(): number {
    const index = this.#heap[0] ?? 0;
    this.#deadlines[index] = this.#at(this.#deadlines, index) + 1 / this.#weightOf(index);
    this.#arrivals[index] = this.#arrived++;
    this.#sink();
    return index;
  }

  #at(numbers: Float64Array, index: number): number {
    return numbers[index] ?? 0;
  }

  #isBefore(one: number, other: number): boolean {
    const difference = this.#at(this.#deadlines, one) - this.#at(this.#deadlines, other);
    return difference < 0 || (difference === 0 && this.#at(this.#arrivals, one) < this.#at(this.#arrivals, other));
  }

  #rise(start: number): void {
    const heap = this.#heap;
    let place = start;
    const moved = heap[place] ?? 0;
    while (place > 0) {
      const parent = (place - 1) >>> 1;
      const above = heap[parent] ?? 0;
      if (!this.#isBefore(moved, above)) break;
      heap[place] = above;
      place = parent;
    }
    heap[place] = moved;
  }

  #sink(): void {
    const heap = this.#heap;
    const moved = heap[0] ?? 0;
    let place = 0;
    for (let child = 1; child < heap.length; child = 2 * place + 1) {
      const right = child + 1;
      if (right < heap.length && this.#isBefore(heap[right] ?? 0, heap[child] ?? 0)) child = right;
      const below = heap[child] ?? 0;
      if (!this.#isBefore(below, moved)) break;
      heap[place] = below;
      place = child;
    }
    heap[place] = moved;
  }
}

/** Turns passed over at the start at most: a start is cheap for whatever weights. */
const longestStart = 1000;
