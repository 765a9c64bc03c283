// One tiny server per endpoint of each cluster, which answers with who it is and what it was asked.
import { createServer, type Server } from 'node:http';

/** What a backend says of itself and of the request it got. Header names in lower case, as they came. */
export type BackendAnswer = {
  readonly cluster: string;
  readonly endpoint: string;
  readonly method: string;
  readonly path: string;
  readonly authority: string;
  readonly headers: Readonly<Record<string, string>>;
};

export class Backends implements AsyncDisposable {
  readonly #servers: Server[] = [];

  /** Starts the server that stands for an endpoint of a cluster; gives its port on 127.0.0.1. */
  async start(cluster: string, endpoint: string): Promise<number> {
    const server = createServer((request, response) => {
      const headers = Object.fromEntries(Object.entries(request.headersDistinct).map(([name, values]) => [name, (values ?? []).join(', ')]));
      const { host: authority = '', ...others } = headers;
      const answer: BackendAnswer = { cluster, endpoint, method: request.method ?? '', path: request.url ?? '', authority, headers: others };
      request.resume();
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(answer));
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
    for (const server of this.#servers) server.closeAllConnections();
    await Promise.all(closed);
  }
}
