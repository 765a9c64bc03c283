// The admin endpoints of the embedded proxy, under Envoy's paths and in Envoy's forms, served by our own HTTP/1.1 codec, to this machine alone.
// What changes something wants POST, as with Envoy, and not from a web page; private keys are never shown.
import { createServer } from 'node:net';
import { isForForeignPage, isHostOfThisMachine, isLoopback } from '#base/loopback.ts';
import { failed, ok, type Result } from '#base/result.ts';
import type { SocketNetwork } from '#base/socket-network.ts';
import { describeConnection, formatAddress } from '#proxy/downstream-connection.ts';
import { joinedValue } from '#proxy/http/header-list.ts';
import type { ServerCodec } from '#proxy/http/server-codec.ts';
import type { RequestHandler, ServerStream } from '#proxy/http/stream.ts';
import { listenAt } from '#proxy/listen-place.ts';

/** `type`: of the content, where it is neither plain text nor JSON. */
export type AdminAnswer = { readonly status: number; readonly body: string; readonly json?: boolean; readonly type?: string };

export type AdminPage = {
  readonly path: string;
  readonly help: string;
  /** True: only POST is taken. */
  readonly changes: boolean;
  readonly answer: (query: URLSearchParams) => AdminAnswer | Promise<AdminAnswer>;
};

export type AdminServer = { readonly address: string; readonly port: number; readonly close: () => Promise<void> };

/** The error names the address: not one of loopback (differs from Envoy, where anyone who reaches the port may end the proxy), or taken. */
export async function startAdmin(
  pages: readonly AdminPage[],
  codec: ServerCodec,
  { address, port }: { readonly address: string; readonly port: number },
  network?: SocketNetwork,
): Promise<Result<AdminServer, string>> {
  if (!isLoopback(address)) return failed(`admin address ${formatAddress(address, port)} can be reached from other machines; use 127.0.0.1`);
  let lastId = 0;
  const open = new Set<{ readonly destroy: () => void }>();
  const handler = adminHandler(pages);
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) => {
    const served = codec(socket, describeConnection(socket, ++lastId, ''), handler);
    open.add(served);
    socket.once('close', () => open.delete(served));
  });
  const bound = await listenAt(server, { address, port }, network);
  if (!bound.ok) return failed(`admin address ${bound.error}`);
  const found = server.address();
  return ok({
    address,
    port: typeof found === 'object' && found !== null ? found.port : port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const served of open) served.destroy();
      }),
  });
}

function adminHandler(pages: readonly AdminPage[]): RequestHandler {
  return {
    onRequest: (stream) => {
      // Bodies are not wanted; the answer goes out when the request is complete.
      stream.receiver = { onData: () => {}, onEnd: () => answerTo(pages, stream), onReset: () => {}, onWritable: () => {} };
    },
    onRefused: (stream, refusal) => {
      stream.receiver = { onData: () => {}, onEnd: () => {}, onReset: () => {}, onWritable: () => {} };
      reply(stream, { status: refusal.status, body: '' });
    },
  };
}

/** At once where the page does not have to ask anybody. */
function answerTo(pages: readonly AdminPage[], stream: ServerStream): void {
  const answer = answerFor(pages, stream);
  if (!(answer instanceof Promise)) return reply(stream, answer);
  const failure = { status: 503, body: 'no answer\n' };
  answer.then(
    (late) => reply(stream, late),
    () => reply(stream, failure),
  );
}

function answerFor(pages: readonly AdminPage[], { request }: ServerStream): AdminAnswer | Promise<AdminAnswer> {
  const { authority: host, headers } = request;
  if (!isHostOfThisMachine(host)) return { status: 403, body: 'The Host header names another machine; ask by IP address or localhost.\n' };
  const [path = '/', query = ''] = request.path.split('?', 2);
  const page = pages.find((candidate) => candidate.path === path);
  if (page === undefined) {
    const status = path === '/' || path === '/help' ? 200 : 404;
    const head = status === 404 ? 'invalid path. ' : '';
    const lines = pages.map(({ path: known, help, changes }) => `  ${known}${changes ? ' (POST)' : ''}: ${help}\n`);
    return { status, body: `${head}admin commands are:\n${lines.join('')}` };
  }
  if (page.changes && request.method !== 'POST') return { status: 405, body: `Method ${request.method} not allowed, POST required.` };
  const signs = { origin: joinedValue(headers, 'origin'), fetchSite: joinedValue(headers, 'sec-fetch-site') };
  if (page.changes && isForForeignPage({ scheme: 'http', host, ...signs })) {
    return { status: 403, body: 'A page of another origin asks for this; ask from a program.\n' };
  }
  return page.answer(new URLSearchParams(query));
}

function reply(stream: ServerStream, { status, body, json, type = 'text/plain; charset=UTF-8' }: AdminAnswer): void {
  const bytes = Buffer.from(body);
  const headers = [
    'content-type',
    json === true ? 'application/json' : type,
    'cache-control',
    'no-cache, max-age=0',
    'x-content-type-options',
    'nosniff',
    'content-length',
    String(bytes.length),
  ];
  const endStream = bytes.length === 0 || stream.request.method === 'HEAD';
  stream.sendHead({ status, headers }, endStream);
  if (endStream) return;
  stream.sendData(bytes);
  stream.sendEnd();
}
