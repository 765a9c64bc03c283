// Backends of one service that can be told to misbehave: each answers with its number, counts what it is asked, and may be given another status or be
// made to hold its answers back.
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export class Replica {
  requests = 0;
  /** Requests under way and the most there ever were at once. */
  active = 0;
  mostActive = 0;
  connections = 0;
  status = 200;
  /** Header fields that each answer has besides. */
  fields: Readonly<Record<string, string>> = {};
  /** Held back until `release`. */
  holds = false;
  readonly server: Server;
  readonly #held: ServerResponse[] = [];

  constructor(number: number) {
    this.server = createServer((request, response) => {
      this.requests++;
      this.active++;
      this.mostActive = Math.max(this.mostActive, this.active);
      response.once('close', () => this.active--);
      request.resume();
      response.statusCode = this.status;
      response.setHeader('x-replica', String(number));
      for (const [name, value] of Object.entries(this.fields)) response.setHeader(name, value);
      if (this.holds) this.#held.push(response);
      else response.end(String(number));
    });
    this.server.keepAliveTimeout = 0;
    this.server.on('connection', () => this.connections++);
  }

  get port(): number {
    // node answers an AddressInfo for a TCP server that listens.
    return (this.server.address() as AddressInfo).port;
  }

  get held(): number {
    return this.#held.length;
  }

  /** Ends the answers held so far, and holds none from now on unless told so. */
  release(keepHolding = false): void {
    this.holds = keepHolding;
    for (const response of this.#held.splice(0)) response.end('late');
  }
}

export type Replicas = AsyncDisposable & { readonly all: readonly Replica[]; readonly ports: readonly number[] };

export async function startReplicas(count: number): Promise<Replicas> {
  const all = Array.from({ length: count }, (_, number) => new Replica(number));
  await Promise.all(all.map(({ server }) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))));
  return {
    all,
    ports: all.map(({ port }) => port),
    [Symbol.asyncDispose]: async () => {
      const closed = all.map(({ server }) => new Promise<void>((resolve) => void server.close(() => resolve())));
      for (const { server } of all) server.closeAllConnections();
      await Promise.all(closed);
    },
  };
}
