// One name server, asked by UDP: a socket for all questions under way, opened with the first one, which nobody but that server can send to. A question
// without an answer is the last one of its socket: that is bound to an address which this machine may no longer have, as a laptop that moved.
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

type Pending = { readonly socket: Socket; readonly query: Buffer; readonly end: (result: Result<Buffer, string>) => void };

export class UdpUpstream {
  readonly #options: UdpUpstreamOptions;
  readonly #pending = new Map<number, Pending>();
  /** For the next question; `#current` once it is open. */
  #socket: Promise<Socket> | undefined;
  #current: Socket | undefined;
  /** Open until the last of its questions is over. */
  readonly #retired = new Set<Socket>();

  constructor(options: UdpUpstreamOptions) {
    this.#options = options;
  }

  get server(): ServerAddress {
    return this.#options.server;
  }

  /** The answer under the question's own number; the error says why there is none. */
  async ask(query: Buffer): Promise<Result<Buffer, string>> {
    const opening = (this.#socket ??= this.#open());
    let socket: Socket;
    try {
      socket = await opening;
    } catch (error) {
      // Unless somebody has begun a new one meanwhile.
      if (this.#socket === opening) this.#socket = undefined;
      return failed(error instanceof Error ? error.message : String(error));
    }
    return new Promise((resolve) => this.#send(socket, query, resolve));
  }

  close(): void {
    const opening = this.#current === undefined ? this.#socket : undefined;
    void opening?.then(
      (socket) => this.#lost(socket, 'closed'),
      () => {},
    );
    if (this.#current !== undefined) this.#lost(this.#current, 'closed');
    for (const { end } of [...this.#pending.values()]) end(failed('closed'));
  }

  #send(socket: Socket, query: Buffer, resolve: (result: Result<Buffer, string>) => void): void {
    const { clock, timeoutMs } = this.#options;
    const id = this.#freeId();
    const cancel = clock.after(timeoutMs, () => end(failed(`no answer within ${timeoutMs} ms`)));
    const end = (result: Result<Buffer, string>): void => {
      // The number may be another question's by now.
      if (this.#pending.get(id)?.end !== end) return;
      this.#pending.delete(id);
      cancel();
      if (!result.ok) this.#retire(socket);
      this.#closeIfOver(socket);
      resolve(result);
    };
    this.#pending.set(id, { socket, query, end });
    const numbered = Buffer.from(query);
    numbered.writeUInt16BE(id, 0);
    try {
      socket.send(numbered, (error) => {
        if (error !== null) end(failed(error.message));
      });
    } catch (error) {
      end(failed(error instanceof Error ? error.message : String(error)));
    }
  }

  /** The next question has a new one. */
  #retire(socket: Socket): void {
    if (this.#current !== socket) return;
    this.#socket = undefined;
    this.#current = undefined;
    this.#retired.add(socket);
  }

  #closeIfOver(socket: Socket): void {
    if (!this.#retired.has(socket) || [...this.#pending.values()].some((one) => one.socket === socket)) return;
    this.#retired.delete(socket);
    socket.close();
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
        // Node's types leave out that it is told of an error: no way there, as without a network.
        socket.connect(server.port, server.address, (error?: Error) => {
          if (error !== undefined) {
            socket.close();
            reject(error);
            return;
          }
          socket.removeAllListeners('error');
          // Nobody listens there: whoever waits need not wait any longer. The next question has a new socket.
          socket.on('error', (error) => this.#lost(socket, error.message));
          socket.unref();
          this.#current = socket;
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
    this.#retire(socket);
    socket.removeAllListeners();
    socket.on('error', () => {});
    const waiting = [...this.#pending.values()].filter((one) => one.socket === socket);
    for (const { end } of waiting) end(failed(reason));
    this.#closeIfOver(socket);
  }
}
