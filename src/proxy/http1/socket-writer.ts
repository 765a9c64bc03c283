// What goes out on one socket: text and small bodies are joined into one latin1 string, large bodies pass through as they are.
// Order is kept; nothing is sent before the batch flushes, unless much has gathered.
import type { Socket } from 'node:net';
import type { BatchedWriter, WriteBatch } from '#proxy/http1/write-batch.ts';

/** Below this a copy into the string costs less than a second entry in the write vector. */
const joinBytes = 4096;
const gatherBytes = 65536;

export class SocketWriter implements BatchedWriter {
  readonly #socket: Socket;
  readonly #batch: WriteBatch;
  #text = '';
  #queued = false;
  #ended = false;

  constructor(socket: Socket, batch: WriteBatch) {
    this.#socket = socket;
    this.#batch = batch;
  }

  writeText(text: string): void {
    this.#text += text;
    this.#enqueue();
  }

  /** False: more than the socket's high-water mark waits; it will emit `drain`. */
  writeData(data: Uint8Array): boolean {
    if (data.length <= joinBytes) {
      this.#text += asBuffer(data).toString('latin1');
      this.#enqueue();
      if (this.#text.length > gatherBytes) this.flush();
    } else {
      if (this.#text === '') this.#socket.write(data);
      else {
        const text = this.#text;
        this.#text = '';
        this.#socket.cork();
        this.#socket.write(text, 'latin1');
        this.#socket.write(data);
        this.#socket.uncork();
      }
    }
    return !this.#socket.writableNeedDrain;
  }

  flush(): void {
    this.#queued = false;
    const text = this.#text;
    if (text !== '') {
      this.#text = '';
      if (this.#socket.writable) this.#socket.write(text, 'latin1');
    }
    if (this.#ended) this.#socket.end();
  }

  /** FIN after everything written so far. */
  end(): void {
    this.#ended = true;
    this.#enqueue();
  }

  #enqueue(): void {
    if (this.#queued) return;
    this.#queued = true;
    this.#batch.add(this);
  }
}

function asBuffer(data: Uint8Array): Buffer {
  return Buffer.isBuffer(data) ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
