// Writes are collected while input is being handled and sent when it has been: head, small body and end become one system call.
// One batch per event loop; codecs wrap the handling of a piece of input in `enter` and `leave`.

export type BatchedWriter = { readonly flush: () => void };

export class WriteBatch {
  #depth = 0;
  #waiting: BatchedWriter[] = [];
  readonly #flushAll = (): void => this.#flush();

  enter(): void {
    this.#depth++;
  }

  leave(): void {
    if (--this.#depth === 0 && this.#waiting.length > 0) this.#flush();
  }

  /** `writer` has something to send: at the end of the input under way, else (a timer, another protocol) before the loop goes on. */
  add(writer: BatchedWriter): void {
    if (this.#waiting.push(writer) === 1 && this.#depth === 0) process.nextTick(this.#flushAll);
  }

  #flush(): void {
    // A flush may make another writer add itself (a drain event at once): loop until there is none.
    while (this.#waiting.length > 0) {
      const writers = this.#waiting;
      this.#waiting = [];
      for (const writer of writers) writer.flush();
    }
  }
}
