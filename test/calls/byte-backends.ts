// One tiny server per endpoint of each cluster for connections of bytes: to a line it answers with a line that says who it is; to TLS
// likewise, inside.
import { createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import type { Leaf } from '#test/support/certificates.ts';

export type ByteAnswer = { readonly cluster: string; readonly endpoint: string };

/** What a TLS connection begins with. */
const handshakeByte = 0x16;

export class ByteBackends implements AsyncDisposable {
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #leaf: Leaf;

  constructor(leaf: Leaf) {
    this.#leaf = leaf;
  }

  /** Starts the server that stands for an endpoint of a cluster; gives its port on 127.0.0.1. */
  async start(cluster: string, endpoint: string): Promise<number> {
    const line = `${JSON.stringify({ cluster, endpoint })}\n`;
    const server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => {}); // the other side may go as it likes
      socket.once('readable', () => {
        const first: unknown = socket.read();
        if (!Buffer.isBuffer(first)) return;
        if (first[0] !== handshakeByte) {
          socket.write(line);
          return;
        }
        socket.unshift(first);
        const secureContext = createSecureContext({ cert: this.#leaf.certificate, key: this.#leaf.key });
        const secure = new TLSSocket(socket, { isServer: true, secureContext });
        secure.on('error', () => {});
        secure.once('data', () => secure.write(line));
      });
    });
    this.#servers.push(server);
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = this.#servers.map((server) => new Promise<void>((resolve) => void server.close(() => resolve())));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
  }
}
