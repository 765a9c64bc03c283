// One name server, asked by UDP: a socket for all questions under way, opened with the first one, which nobody but that server can send to.
import { createSocket, type Socket } from 'node:dgram';
import type { Clock } from '#base/clock.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { answers, type ServerAddress } from '#dns/upstream-answer.ts';

export type UdpUpstreamOptions = {
  readonly server: ServerAddress;
  readonly bindSource?: string;
  readonly clock: Clock;
  readonly randomId: () => number;
  readonly timeoutMs: number;
};

type Pending = { readonly query: Buffer; readonly end: (result: Result<Buffer, string>) => void };

export class UdpUpstream {
  readonly #options: UdpUpstreamOptions;
  readonly #pending = new Map<number, Pending>();
  #socket: Promise<Socket> | undefined;

  constructor(options: UdpUpstreamOptions) {
    this.#options = options;
  }

  get server(): ServerAddress {
    return this.#options.server;
  }

  /** The answer under the question's own number; the error says why there is none. */
  async ask(query: Buffer): Promise<Result<Buffer, string>> {
    let socket: Socket;
    try {
      this.#socket ??= this.#open();
      socket = await this.#socket;
    } catch (error) {
      this.#socket = undefined;
      return failed(error instanceof Error ? error.message : String(error));
    }
    return new Promise((resolve) => this.#send(socket, query, resolve));
  }

  close(): void {
    void this.#socket?.then(
      (socket) => socket.close(),
      () => {},
    );
    this.#socket = undefined;
    this.#failAll('closed');
  }

  #send(socket: Socket, query: Buffer, resolve: (result: Result<Buffer, string>) => void): void {
    const { clock, timeoutMs } = this.#options;
    const id = this.#freeId();
    const cancel = clock.after(timeoutMs, () => this.#pending.get(id)?.end(failed(`no answer within ${timeoutMs} ms`)));
    const end = (result: Result<Buffer, string>): void => {
      this.#pending.delete(id);
      cancel();
      resolve(result);
    };
    this.#pending.set(id, { query, end });
    const numbered = Buffer.from(query);
    numbered.writeUInt16BE(id, 0);
    try {
      socket.send(numbered, (error) => {
        if (error !== null && this.#pending.has(id)) end(failed(error.message));
      });
    } catch (error) {
      end(failed(error instanceof Error ? error.message : String(error)));
    }
  }

  #freeId(): number {
    let id = this.#options.randomId();
    while (this.#pending.has(id)) id = (id + 1) & 0xffff;
    return id;
  }

  #open(): Promise<Socket> {
    const { server, bindSource } = this.#options;
    const socket = createSocket({ type: server.address.includes(':') ? 'udp6' : 'udp4', lookup: (host, _, done) => done(null, host, 0) });
    socket.on('message', (message) => this.#receive(message));
    return new Promise((resolve, reject) => {
      socket.once('error', (error) => {
        socket.close();
        reject(error);
      });
      socket.bind({ port: 0, ...(bindSource !== undefined && { address: bindSource }) }, () =>
        socket.connect(server.port, server.address, () => {
          socket.removeAllListeners('error');
          // Nobody listens there: whoever waits need not wait any longer. The next question has a new socket.
          socket.on('error', (error) => this.#lost(socket, error.message));
          socket.unref();
          resolve(socket);
        }),
      );
    });
  }

  #receive(message: Buffer): void {
    if (message.length < 12) return;
    const pending = this.#pending.get(message.readUInt16BE(0));
    if (pending === undefined || !answers(message, pending.query)) return;
    message.writeUInt16BE(pending.query.readUInt16BE(0), 0);
    pending.end(ok(message));
  }

  #lost(socket: Socket, reason: string): void {
    this.#socket = undefined;
    socket.removeAllListeners();
    socket.on('error', () => {});
    socket.close();
    this.#failAll(reason);
  }

  #failAll(reason: string): void {
    for (const { end } of [...this.#pending.values()]) end(failed(reason));
  }
}
