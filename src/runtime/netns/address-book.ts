// Which index, and by it which addresses, each pod has. One that was given back is the last to be given again: whoever still remembers its address
// does not reach another pod.

export class AddressBook {
  readonly #count: number;
  readonly #free: number[] = [];
  #next = 0;

  /** `count`: how many there are. */
  constructor(count: number) {
    this.#count = count;
  }

  /** Undefined when all are taken. */
  take(): number | undefined {
    if (this.#next < this.#count) return this.#next++;
    return this.#free.shift();
  }

  giveBack(index: number): void {
    this.#free.push(index);
  }
}
