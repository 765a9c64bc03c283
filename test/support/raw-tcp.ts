// Plain TCP ends for tests that have to see or send exact bytes.
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export type RawServer = AsyncDisposable & { readonly port: number; readonly connections: readonly Socket[] };

/** A server whose connections are all handed to `serve`. */
export async function startRawServer(serve: (socket: Socket, connection: number) => void): Promise<RawServer> {
  const connections: Socket[] = [];
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    connections.push(socket);
    socket.on('error', () => {});
    serve(socket, connections.length);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    // node answers an AddressInfo for a TCP server that listens.
    port: (server.address() as AddressInfo).port,
    connections,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of connections) socket.destroy();
      }),
  };
}

/** Calls `answer` with each request head that comes (text up to and without its empty line); bodies are not looked at. */
export function onHeads(socket: Socket, answer: (head: string, index: number) => void): void {
  let text = '';
  let count = 0;
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
      const head = text.slice(0, end);
      text = text.slice(end + 4);
      answer(head, count++);
    }
  });
}

export class RawClient implements Disposable {
  readonly socket: Socket;
  text = '';
  closed = false;
  #waiting: (() => void)[] = [];

  constructor(port: number) {
    this.socket = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
    this.socket.on('data', (chunk: Buffer) => {
      this.text += chunk.toString('latin1');
      this.#wake();
    });
    this.socket.on('error', () => {});
    const onEnd = (): void => {
      this.closed = true;
      this.#wake();
    };
    this.socket.on('end', onEnd);
    this.socket.on('close', onEnd);
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  send(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** Resolves with all text so far once it holds `part`, or when the peer has closed. */
  async until(part: string | RegExp): Promise<string> {
    const found = (): boolean => (typeof part === 'string' ? this.text.includes(part) : part.test(this.text));
    while (!found() && !this.closed) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.text;
  }

  /** Resolves with all text once the peer has closed its half. */
  async untilClosed(): Promise<string> {
    while (!this.closed) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.text;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}
