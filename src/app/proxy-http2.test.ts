// HTTP versions mixed through the embedded proxy: HTTP/1.1 to HTTP/2, HTTP/2 to HTTP/1.1, HTTP/2 to HTTP/2, on one port without TLS.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createServer as createHttp1 } from 'node:http';
import {
  type ClientHttp2Session,
  connect,
  constants,
  createServer as createHttp2,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { bootstrap, cluster, httpChain, listener, upstreamProtocol } from '#test/support/bootstrap-parts.ts';
import { type EmbeddedProxy, startEmbedded } from '#test/support/embedded-proxy.ts';
import { httpCall } from '#test/support/http-call.ts';

type Backends = { readonly proxy: EmbeddedProxy; readonly port: number; readonly client: ClientHttp2Session };

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** Two servers that answer alike: the request's method, path, cookie and body's digest, an early hint, and a trailer. */
async function startBackends() {
  const answer = (method: string, path: string, cookie: string, body: Buffer): string =>
    JSON.stringify({ method, path, cookie, size: body.length, digest: digest(body) });
  const one = createHttp1((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      response.writeEarlyHints({ link: '</a>; rel=preload' });
      response.writeHead(200, { trailer: 'x-end', 'x-version': request.httpVersion });
      response.write(answer(request.method ?? '', request.url ?? '', request.headers.cookie ?? '', Buffer.concat(parts)));
      response.addTrailers({ 'x-end': 'yes' });
      response.end();
    });
  });
  const two = createHttp2();
  two.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders & { readonly ':path'?: string; readonly ':method'?: string }) => {
    stream.on('error', () => {});
    if (headers[':path'] === '/reset') {
      // Without waitForTrailers node ends the stream properly before it resets it.
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.write('half');
      setImmediate(() => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
      return;
    }
    const parts: Buffer[] = [];
    stream.on('data', (part: Buffer) => parts.push(part));
    stream.on('end', () => {
      stream.additionalHeaders({ ':status': 103, link: '</a>; rel=preload' });
      stream.respond({ ':status': 200, 'x-version': '2' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-end': 'yes' }));
      stream.end(answer(headers[':method'] ?? '', headers[':path'] ?? '', headers.cookie ?? '', Buffer.concat(parts)));
    });
  });
  await Promise.all([one, two].map((server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))));
  // Both listen on TCP ports.
  const [onePort, twoPort] = [(one.address() as AddressInfo).port, (two.address() as AddressInfo).port];
  const close = async (): Promise<void> => {
    one.closeAllConnections();
    one.close();
    two.close();
  };
  return { onePort, twoPort, [Symbol.asyncDispose]: close };
}

async function through(run: (backends: Backends) => Promise<void>): Promise<void> {
  await using servers = await startBackends();
  const routes = [
    { match: { prefix: '/two' }, route: { cluster: 'two', prefix_rewrite: '/two' } },
    { match: { prefix: '/reset' }, route: { cluster: 'two' } },
    { match: { prefix: '/' }, route: { cluster: 'one' } },
  ];
  await using proxy = await startEmbedded(
    bootstrap(
      [listener('mixed', 0, [httpChain(routes)])],
      [cluster('one', servers.onePort), cluster('two', servers.twoPort, upstreamProtocol('http2'))],
    ),
  );
  const port = proxy.port('mixed');
  const client = connect(`http://127.0.0.1:${port}`);
  client.on('error', () => {});
  try {
    await run({ proxy, port, client });
  } finally {
    client.destroy();
  }
}

type Answer = {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly trailers: IncomingHttpHeaders;
  readonly hints: number;
  readonly code: number;
};

function call(client: ClientHttp2Session, headers: Record<string, string>, body?: Buffer): Promise<Answer> {
  return new Promise((resolve) => {
    const stream = client.request({ ':method': body === undefined ? 'GET' : 'POST', ...headers });
    let text = '';
    let hints = 0;
    let head: IncomingHttpHeaders = {};
    let trailers: IncomingHttpHeaders = {};
    stream.on('headers', () => hints++);
    stream.on('response', (received) => (head = received));
    stream.on('trailers', (received) => (trailers = received));
    stream.setEncoding('utf8').on('data', (part: string) => (text += part));
    stream.on('error', () => {});
    stream.on('close', () => resolve({ headers: head, body: text, trailers, hints, code: stream.rstCode ?? -1 }));
    stream.end(body);
  });
}

const large = randomBytes(3_000_000);

test('HTTP/1.1 in, HTTP/2 out', () =>
  through(async ({ port }) => {
    const answer = await httpCall({ port, path: '/two?q=1', method: 'POST', body: large, headers: { cookie: 'a=1; b=2' } });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['x-version'], '2');
    assert.deepEqual(JSON.parse(answer.body), { method: 'POST', path: '/two?q=1', cookie: 'a=1; b=2', size: large.length, digest: digest(large) });
  }));

test('HTTP/2 in, HTTP/1.1 out, with cookie crumbs joined, hints and trailers', () =>
  through(async ({ client }) => {
    const answer = await call(client, { ':path': '/x', cookie: 'a=1; b=2', te: 'trailers' }, large);
    assert.equal(answer.headers[':status'], 200);
    assert.equal(answer.headers['x-version'], '1.1');
    assert.deepEqual(JSON.parse(answer.body), { method: 'POST', path: '/x', cookie: 'a=1; b=2', size: large.length, digest: digest(large) });
    assert.equal(answer.code, constants.NGHTTP2_NO_ERROR);
  }));

test('HTTP/2 on both sides, many requests at once on one connection, each with its trailer', () =>
  through(async ({ client }) => {
    const answers = await Promise.all(
      Array.from({ length: 150 }, (_, index) => call(client, { ':path': `/two/${index}` }, Buffer.from(`body ${index}`))),
    );
    for (const [index, answer] of answers.entries()) {
      assert.equal(answer.headers[':status'], 200);
      assert.equal(JSON.parse(answer.body).path, `/two/${index}`);
      assert.equal(answer.trailers['x-end'], 'yes');
    }
  }));

test('an answer that upstream breaks off is broken off downstream, by reset and by close', () =>
  through(async ({ client, port }) => {
    const answer = await call(client, { ':path': '/reset' });
    assert.equal(answer.headers[':status'], 200);
    assert.notEqual(answer.code, constants.NGHTTP2_NO_ERROR);
    await assert.rejects(httpCall({ port, path: '/reset' }), /aborted|hang up|terminated|ECONNRESET/);
  }));

test('a head larger than allowed is answered 431, and the connection goes on', () =>
  through(async ({ client }) => {
    const large = Object.fromEntries(Array.from({ length: 8 }, (_, index) => [`x-large-${index}`, 'x'.repeat(7_900)]));
    const refused = await call(client, { ':path': '/x', ...large });
    assert.equal(refused.headers[':status'], 431);
    const next = await call(client, { ':path': '/x' });
    assert.equal(next.headers[':status'], 200);
  }));

test('HEAD is answered without a body', () =>
  through(async ({ client }) => {
    const head = await call(client, { ':method': 'HEAD', ':path': '/two' });
    assert.equal(head.headers[':status'], 200);
    assert.equal(head.body, '');
  }));
