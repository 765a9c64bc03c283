// A socket without a network: what is fed arrives at once and in exactly those pieces, unless reading is paused; what was written can be read
// back as latin1 text.
import type { Socket } from 'node:net';
import { Writable } from 'node:stream';

export class FakeSocket extends Writable {
  readonly localAddress = '127.0.0.1';
  readonly localPort = 80;
  written = '';
  #paused = false;
  #waiting: Buffer[] = [];

  constructor() {
    super({ autoDestroy: false });
    this.on('error', () => {});
  }

  /** As the type that codecs take. They use the part of it that this class has. */
  get asSocket(): Socket {
    return this as unknown as Socket;
  }

  feed(text: string): void {
    if (this.destroyed || text === '') return;
    const piece = Buffer.from(text, 'latin1');
    if (this.#paused) this.#waiting.push(piece);
    else this.emit('data', piece);
  }

  /** The peer sends FIN. */
  feedEnd(): void {
    this.emit('end');
  }

  pause(): this {
    this.#paused = true;
    return this;
  }

  resume(): this {
    this.#paused = false;
    while (!this.#paused && this.#waiting.length > 0) this.emit('data', this.#waiting.shift());
    return this;
  }

  override _write(chunk: Buffer | string, encoding: BufferEncoding, done: () => void): void {
    this.written += typeof chunk === 'string' ? Buffer.from(chunk, encoding).toString('latin1') : chunk.toString('latin1');
    done();
  }
}
