// An HTTP/1.1 and an HTTP/2 server that do the same, to see protocols pass through a proxy: echo with trailers, event streams, tunnels, counted bodies.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import type { Duplex } from 'node:stream';

export type ProtocolBackend = AsyncDisposable & {
  readonly port: number;
  /** Requests whose client went away before the answer was complete. */
  readonly given: { up: number };
};

const block = Buffer.alloc(65_536, 'b');

function serve(request: IncomingMessage, response: ServerResponse, given: { up: number }): void {
  const url = new URL(request.url ?? '/', 'http://backend');
  const size = Number(url.searchParams.get('size') ?? 0);
  response.on('close', () => {
    if (!response.writableEnded) given.up++;
  });
  switch (url.pathname.replace(/^\/h[12]/, '')) {
    case '/echo':
      response.writeHead(200, { 'content-type': 'text/plain', trailer: 'x-end' });
      request.on('data', (chunk: Buffer) => response.write(chunk));
      request.on('end', () => {
        response.addTrailers({ 'x-end': `after ${JSON.stringify(request.trailers)}` });
        response.end();
      });
      return;
    case '/count': {
      let count = 0;
      request.on('data', (chunk: Buffer) => (count += chunk.length));
      request.on('end', () => response.end(String(count)));
      return;
    }
    case '/bytes':
      send(response, size);
      return;
    case '/events':
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: 1\n\n');
      // The second event only once the client has seen the first: it asks for it.
      waiting.push(() => response.end('data: 2\n\n'));
      return;
    case '/next':
      waiting.shift()?.();
      response.end('next');
      return;
    case '/poll':
      waiting.push(() => response.end('polled'));
      return;
    case '/never':
      return;
    default:
      response.writeHead(404);
      response.end();
  }
}

/** Answers that wait for `/next`, the oldest first; of both servers. */
const waiting: (() => void)[] = [];

function send(response: ServerResponse, size: number): void {
  response.writeHead(200, { 'content-type': 'application/octet-stream' });
  let left = size;
  const more = (): void => {
    while (left > 0) {
      const part = left < block.length ? block.subarray(0, left) : block;
      left -= part.length;
      if (!response.write(part)) {
        response.once('drain', more);
        return;
      }
    }
    response.end();
  };
  more();
}

/** What a tunnel does: a greeting, then everything back in upper case, and its end when the client ends. */
function tunnel(stream: Duplex): void {
  stream.on('error', () => {});
  stream.write('hello;');
  stream.on('data', (chunk: Buffer) => stream.write(chunk.toString().toUpperCase()));
  stream.on('end', () => stream.end('bye'));
}

export async function startHttp1Backend(): Promise<ProtocolBackend> {
  const given = { up: 0 };
  const server = createServer((request, response) => serve(request, response, given));
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    if (request.headers['x-refuse'] !== undefined) {
      response.writeHead(417);
      response.end();
      return;
    }
    response.writeContinue();
    serve(request, response, given);
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
    const key = request.headers['sec-websocket-key'] === undefined ? 'none' : 'some';
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nupgrade: ${request.headers.upgrade}\r\nconnection: Upgrade\r\nx-key: ${key}\r\n\r\n`);
    tunnel(socket);
  });
  return listen(server, given, () => server.closeAllConnections());
}

export async function startHttp2Backend(): Promise<ProtocolBackend> {
  const given = { up: 0 };
  const server = createHttp2Server({ settings: { enableConnectProtocol: true } });
  const sessions = new Set<{ destroy: () => void }>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  server.on('request', (request, response) => {
    // node's compatibility API: what is used here is the same on both.
    serve(request as unknown as IncomingMessage, response as unknown as ServerResponse, given);
  });
  // Without a listener node answers CONNECT with 405; 'stream' below takes it.
  server.on('connect', () => {});
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    if (headers[':method'] !== 'CONNECT') return;
    stream.respond({ ':status': 200, 'x-protocol': headers[':protocol'] ?? 'none' });
    tunnel(stream);
  });
  return listen(server, given, () => {
    for (const session of sessions) session.destroy();
  });
}

async function listen(server: Server, given: { up: number }, endAll: () => void): Promise<ProtocolBackend> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    // A TCP server has a port.
    port: (server.address() as AddressInfo).port,
    given,
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      endAll();
      await closed;
    },
  };
}
