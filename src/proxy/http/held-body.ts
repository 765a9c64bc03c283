// The beginning of a request's body, kept while filters let the request wait.
import type { HeaderList } from '#proxy/http/stream.ts';

export class HeldBody {
  readonly chunks: Buffer[] = [];
  trailers: HeaderList | undefined = undefined;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Gives the bytes that are kept by now. */
  add(chunk: Buffer): number {
    this.chunks.push(chunk);
    this.#length += chunk.length;
    return this.#length;
  }

  end(trailers: HeaderList | undefined): void {
    this.trailers = trailers;
  }
}
