// The heads of a connection's requests, out of its bytes however they are cut. What cannot become a good head is known as soon as it cannot: a TLS hello
// or a bare LF would otherwise wait for a timeout.
import { holdsForbiddenByte } from '#proxy/http1/field-section.ts';
import { HeadBuffer, skipEmptyLines } from '#proxy/http1/head-buffer.ts';

/** Of one piece: a head is complete, one has begun, there is nothing new, or this is none. */
export type HeadOutcome = 'whole' | 'begun' | 'nothing' | 'too-long' | 'bad';

const cr = 0x0d;
const lf = 0x0a;

export class RequestHeadReader {
  outcome: HeadOutcome = 'nothing';
  readonly #buffer: HeadBuffer;
  #crPending = false;

  constructor(maxBytes: number) {
    this.#buffer = new HeadBuffer(maxBytes);
  }

  /** Of the head that `take` found, without the empty line. */
  get text(): string {
    return this.#buffer.text;
  }

  /** A head has begun and is not complete. */
  get isPartial(): boolean {
    return this.#buffer.isPartial;
  }

  /** Reads `chunk` from `start` to the end of a head, or else all of it; sets `outcome`, and gives the position reached. */
  take(chunk: Buffer, start: number): number {
    this.outcome = 'nothing';
    const wasPartial = this.#buffer.isPartial;
    const from = wasPartial ? start : this.#skipEmptyLines(chunk, start);
    if (from === chunk.length) return from;
    const end = this.#buffer.take(chunk, from);
    if (end >= 0) {
      this.outcome = 'whole';
      return end;
    }
    if (end === -2) this.outcome = 'too-long';
    else if (this.#isHopeless()) this.outcome = 'bad';
    else if (!wasPartial) this.outcome = 'begun';
    return chunk.length;
  }

  /** RFC 9112 §2.2. A CR at the end of a piece waits for its LF; anything else behind it is refused with what follows. */
  #skipEmptyLines(chunk: Buffer, start: number): number {
    let from = start;
    if (this.#crPending) {
      this.#crPending = false;
      if (chunk[from] !== lf) {
        this.outcome = 'bad';
        return chunk.length;
      }
      from++;
    }
    from = skipEmptyLines(chunk, from);
    if (from === chunk.length - 1 && chunk[from] === cr) {
      this.#crPending = true;
      return chunk.length;
    }
    return from;
  }

  #isHopeless(): boolean {
    const text = this.#buffer.partialText();
    return !/^[A-Z-]{0,17}(?: |$|\r)/.test(text) || holdsForbiddenByte(text.endsWith('\r') ? text.slice(0, -1) : text);
  }
}
