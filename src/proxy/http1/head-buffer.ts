// Bytes of a socket → the text of the next head. Nearly always a head comes in one piece and nothing is copied; else the pieces are gathered.

const emptyLine = '\r\n\r\n';
/** Decoded at first: most heads are shorter, and what follows a head should not be decoded with it. */
const firstLookBytes = 4096;
const cr = 0x0d;
const lf = 0x0a;

export class HeadBuffer {
  /** Text of the head that `take` found, without the empty line. */
  text = '';
  #held: Buffer | undefined = undefined;
  #heldLength = 0;
  readonly #maxBytes: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** A head has begun and is not complete. */
  get isPartial(): boolean {
    return this.#heldLength > 0;
  }

  /**
   * Looks for the end of a head in `chunk` from `start`. Gives the position behind the empty line, with `text` set; -1: all of the chunk was
   * taken and more is needed; -2: the head is longer than allowed.
   */
  take(chunk: Buffer, start: number): number {
    if (this.#held !== undefined) return this.#takeHeld(chunk, start, this.#held);
    let text = chunk.toString('latin1', start, Math.min(chunk.length, start + firstLookBytes));
    let end = text.indexOf(emptyLine);
    if (end === -1 && chunk.length - start > firstLookBytes) {
      text = chunk.toString('latin1', start, Math.min(chunk.length, start + this.#maxBytes));
      end = text.indexOf(emptyLine);
    }
    if (end !== -1) {
      if (end + 4 > this.#maxBytes) return -2;
      this.text = text.slice(0, end);
      return start + end + 4;
    }
    if (chunk.length - start >= this.#maxBytes) return -2;
    this.#held = Buffer.allocUnsafeSlow(Math.max(1024, (chunk.length - start) * 2));
    this.#append(chunk, start);
    return -1;
  }

  /** What has come of an incomplete head. */
  partialText(): string {
    return this.#held === undefined ? '' : this.#held.toString('latin1', 0, this.#heldLength);
  }

  #takeHeld(chunk: Buffer, start: number, held: Buffer): number {
    const before = this.#heldLength;
    this.#append(chunk, start);
    const bytes = this.#held ?? held;
    const end = bytes.subarray(0, this.#heldLength).indexOf(emptyLine, Math.max(before - 3, 0), 'latin1');
    if (end === -1) return this.#heldLength >= this.#maxBytes ? -2 : -1;
    if (end + 4 > this.#maxBytes) return -2;
    this.text = bytes.toString('latin1', 0, end);
    this.#held = undefined;
    this.#heldLength = 0;
    return start + end + 4 - before;
  }

  /** Takes no more of the chunk than a head may hold, so that the copy is bounded. */
  #append(chunk: Buffer, start: number): void {
    const count = Math.min(chunk.length - start, this.#maxBytes - this.#heldLength);
    const needed = this.#heldLength + count;
    let held = this.#held ?? Buffer.allocUnsafeSlow(1024);
    if (held.length < needed) {
      const larger = Buffer.allocUnsafeSlow(needed * 2);
      held.copy(larger, 0, 0, this.#heldLength);
      held = larger;
    }
    chunk.copy(held, this.#heldLength, start, start + count);
    this.#held = held;
    this.#heldLength = needed;
  }
}

/** Empty lines before a request line are skipped (RFC 9112 §2.2). */
export function skipEmptyLines(chunk: Buffer, start: number): number {
  let at = start;
  while (at + 1 < chunk.length && chunk[at] === cr && chunk[at + 1] === lf) at += 2;
  return at;
}
