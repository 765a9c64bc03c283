// The request's body on its way upstream, kept as long as it may have to be sent again.

/** Beyond this a request is not replayed: Envoy gives up retrying at its buffer limit, which is 1 MiB by default, too. */
const keptBytes = 1_048_576;

export class RequestBody {
  #chunks: Buffer[] = [];
  #length = 0;
  #replayable = false;
  #limit = keptBytes;

  /** Begins to keep it, up to `limit` bytes. */
  keep(limit = keptBytes): void {
    this.#replayable = true;
    this.#limit = limit;
  }

  /** False once too much has come, or nobody wants it again. */
  get replayable(): boolean {
    return this.#replayable;
  }

  get chunks(): readonly Buffer[] {
    return this.#chunks;
  }

  add(chunk: Buffer): void {
    if (!this.#replayable) return;
    this.#length += chunk.length;
    if (this.#length > this.#limit) this.forget();
    else this.#chunks.push(chunk);
  }

  /** The response has begun, or no retry is left. */
  forget(): void {
    this.#replayable = false;
    this.#chunks = [];
  }
}
