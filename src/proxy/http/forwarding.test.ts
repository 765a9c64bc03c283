import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createServer, request as httpRequest, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Writable } from 'node:stream';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { oneHost, startHttpProxy, staticCluster } from '#test/support/http-proxy.ts';
import { onHeads, RawClient, startRawServer } from '#test/support/raw-tcp.ts';

const toBackend = oneHost([
  { match: { prefix: '/' }, route: { cluster: 'backend', timeout: '0s', upgrade_configs: [{ upgrade_type: 'websocket' }] } },
]);
const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
const ok = (body: string): string => `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

async function startNodeServer(listener: RequestListener): Promise<AsyncDisposable & { readonly port: number; readonly server: Server }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    server,
    // node answers an AddressInfo for a TCP server that listens.
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function responseTo(
  port: number,
  method: string,
  path: string,
  body: Buffer,
  headers: Record<string, string>,
): Promise<{ readonly message: IncomingMessage; readonly body: Buffer }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port, method, path, headers, agent: false }, (message) => {
      const chunks: Buffer[] = [];
      message.on('data', (chunk: Buffer) => chunks.push(chunk));
      message.on('end', () => resolve({ message, body: Buffer.concat(chunks) }));
      message.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

test('bodies of all sizes pass unchanged both ways, with a length and chunked', async () => {
  await using backend = await startNodeServer((request, response) => {
    if (request.headers['content-length'] !== undefined) response.setHeader('content-length', request.headers['content-length']);
    request.pipe(response);
  });
  await using proxy = await startHttpProxy({ routes: toBackend, clusters: [staticCluster('backend', [backend.port])] });
  for (const size of [0, 1, 100, 4095, 4096, 4097, 65_535, 65_536, 200_000, 3_000_000]) {
    const body = randomBytes(size);
    for (const headers of [{ 'content-length': String(size) }, { 'transfer-encoding': 'chunked' }]) {
      const answer = await responseTo(proxy.port, 'POST', '/', body, headers);
      assert.ok(answer.body.equals(body), `${size} bytes, ${JSON.stringify(headers)}`);
    }
  }
});

test('an upstream sees the fields Envoy sends, and the client those Envoy answers', async () => {
  let seen = '';
  await using backend = await startRawServer((socket) =>
    onHeads(socket, (head) => {
      seen = head;
      socket.write('HTTP/1.1 200 OK\r\nserver: own\r\ncontent-length: 0\r\nconnection: keep-alive\r\nkeep-alive: timeout=5\r\n\r\n');
    }),
  );
  const routes = oneHost([
    {
      match: { prefix: '/' },
      route: { cluster: 'backend', prefix_rewrite: '/new' },
      request_headers_to_add: [{ header: { key: 'x-a', value: '%REQ(:METHOD)%' } }],
    },
  ]);
  const manager = { use_remote_address: true, server_name: 'istio-envoy', always_set_request_id_in_response: true };
  await using proxy = await startHttpProxy({ routes, clusters: [staticCluster('backend', [backend.port])], manager });
  using client = new RawClient(proxy.port);
  client.send(get('/old?q', 'X-Forwarded-For: 9.9.9.9\r\nX-Envoy-Retry-On: 5xx\r\nX-Request-Id: mine\r\n'));
  const text = await client.until('\r\n\r\n');
  const id = /x-request-id: (.*)\r\n/.exec(`${seen}\r\n`)?.[1] ?? '';
  assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.deepEqual(seen.split('\r\n'), [
    'GET /newold?q HTTP/1.1',
    'host: a',
    'x-forwarded-for: 9.9.9.9,127.0.0.1',
    `x-request-id: ${id}`,
    'x-envoy-external-address: 127.0.0.1',
    'x-forwarded-proto: http',
    'x-a: GET',
    'x-envoy-original-path: /old?q',
    'x-envoy-expected-rq-timeout-ms: 15000',
  ]);
  assert.match(
    text,
    /^HTTP\/1.1 200 OK\r\nserver: istio-envoy\r\ncontent-length: 0\r\nx-envoy-upstream-service-time: \d+\r\ndate: [^\r]+ GMT\r\nx-request-id: /,
  );
  assert.doesNotMatch(text, /keep-alive/);
});

test('pipelined requests are answered in their order, over one upstream connection at a time', async () => {
  let active = 0;
  await using backend = await startRawServer((socket) =>
    onHeads(socket, (head) => {
      assert.equal(++active, 1);
      setImmediate(() => {
        active--;
        socket.write(ok(head.split(' ', 2)[1] ?? ''));
      });
    }),
  );
  await using proxy = await startHttpProxy({ routes: toBackend, clusters: [staticCluster('backend', [backend.port])] });
  using client = new RawClient(proxy.port);
  client.send(Array.from({ length: 50 }, (_, index) => get(`/${index}`)).join(''));
  const text = await client.until(/\/49$/);
  assert.deepEqual(
    [...text.matchAll(/\r\n\r\n\/(\d+)/g)].map((match) => Number(match[1])),
    Array.from({ length: 50 }, (_, index) => index),
  );
});

test('trailers pass both ways, HEAD and 204 have no body, 304 keeps its length', async () => {
  let trailers: unknown;
  await using backend = await startNodeServer((request, response) => {
    if (request.url === '/204') response.writeHead(204).end();
    else if (request.url === '/304') response.writeHead(304, { 'content-length': 7 }).end();
    else if (request.method === 'HEAD') response.writeHead(200, { 'content-length': 5 }).end();
    else {
      request.resume().on('end', () => {
        trailers = request.rawTrailers;
        response.writeHead(200, { trailer: 'x-end' });
        response.write('body');
        response.addTrailers({ 'x-end': 'yes' });
        response.end();
      });
    }
  });
  await using proxy = await startHttpProxy({ routes: toBackend, clusters: [staticCluster('backend', [backend.port])] });
  using client = new RawClient(proxy.port);
  client.send('POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nx-t: 1\r\n\r\n');
  assert.match(await client.until('x-end: yes\r\n\r\n'), /transfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nx-end: yes\r\n\r\n$/);
  assert.deepEqual(trailers, ['x-t', '1']);
  client.text = '';
  client.send(`HEAD /h HTTP/1.1\r\nHost: a\r\n\r\n${get('/204')}${get('/304')}${get('/204')}`);
  const text = await client.until(/204[^]*304[^]*204[^]*\r\n\r\n$/);
  assert.deepEqual(
    [...text.matchAll(/HTTP\/1.1 (\d+)/g)].map((match) => match[1]),
    ['200', '204', '304', '204'],
  );
  assert.match(text, /^HTTP\/1.1 200 OK\r\ncontent-length: 5\r\n/);
});

test('expect: 100-continue is answered by the proxy, or with proxy_100_continue by the upstream', async () => {
  for (const proxied of [false, true]) {
    const heads: string[] = [];
    await using backend = await startRawServer((socket) =>
      onHeads(socket, (head) => {
        heads.push(head);
        if (head.includes('expect')) socket.write('HTTP/1.1 100 Continue\r\n\r\n');
        socket.write(ok('done'));
      }),
    );
    await using proxy = await startHttpProxy({
      routes: toBackend,
      clusters: [staticCluster('backend', [backend.port])],
      manager: { proxy_100_continue: proxied },
    });
    using client = new RawClient(proxy.port);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n');
    await client.until('100 Continue\r\n\r\n');
    client.send('hi');
    assert.match(await client.until('done'), /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK/);
    assert.equal(heads[0]?.includes('expect: 100-continue'), proxied);
  }
});

test('a WebSocket becomes a tunnel, ends included; without leave it is 403', async () => {
  await using backend = await startRawServer((socket) => {
    let open = false;
    socket.on('data', (chunk: Buffer) => {
      if (open) socket.write(chunk);
      else {
        open = true;
        assert.match(chunk.toString(), /upgrade: websocket\r\n[^]*connection: upgrade\r\n/);
        socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\nfirst');
      }
    });
    socket.on('end', () => socket.end('bye'));
  });
  await using proxy = await startHttpProxy({ routes: toBackend, clusters: [staticCluster('backend', [backend.port])] });
  using client = new RawClient(proxy.port);
  client.send(get('/ws', 'Upgrade: websocket\r\nConnection: Upgrade\r\n'));
  assert.match(await client.until('first'), /^HTTP\/1.1 101 Switching Protocols\r\n[^]*connection: upgrade\r\n\r\nfirst$/);
  client.send('\x00\x01raw GET / HTTP/1.1\r\n\r\n');
  await client.until('raw GET / HTTP/1.1\r\n\r\n');
  client.socket.end();
  assert.match(await client.untilClosed(), /bye$/);
  const [record] = await proxy.recorded(1);
  assert.deepEqual([record?.responseCode, record?.responseFlags, record?.bytesReceived, record?.bytesSent], [101, '', 24, 32]);

  await using strict = await startHttpProxy({
    routes: oneHost([{ match: { prefix: '/' }, route: { cluster: 'backend' } }]),
    clusters: [staticCluster('backend', [backend.port])],
  });
  using refused = new RawClient(strict.port);
  refused.send(get('/ws', 'Upgrade: websocket\r\nConnection: Upgrade\r\n'));
  assert.match(await refused.untilClosed(), /^HTTP\/1.1 403 /);
});

test('a response ends where its connection does, and is cut off where it must not', async () => {
  await using backend = await startRawServer((socket) =>
    onHeads(socket, (head) => {
      if (head.startsWith('GET /close ')) socket.end('HTTP/1.0 200 OK\r\n\r\nall of it');
      else if (head.startsWith('GET /short ')) socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort');
      else if (head.startsWith('GET /chunk ')) socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nshort\r\n');
      else socket.end(`${ok('x')}HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nstray`);
    }),
  );
  await using proxy = await startHttpProxy({ routes: toBackend, clusters: [staticCluster('backend', [backend.port])] });
  const textOf = async (path: string): Promise<string> => {
    using client = new RawClient(proxy.port);
    client.send(get(path, 'Connection: close\r\n'));
    return await client.untilClosed();
  };
  assert.match(await textOf('/close'), /\r\n\r\n9\r\nall of it\r\n0\r\n\r\n$/);
  assert.match(await textOf('/short'), /\r\n\r\nshort$/);
  assert.match(await textOf('/chunk'), /\r\n\r\n5\r\nshort\r\n$/);
  assert.match(await textOf('/extra'), /\r\n\r\nx$/);
  assert.match(await textOf('/extra'), /\r\n\r\nx$/);
  const records = await proxy.recorded(5);
  assert.deepEqual(
    records.map(({ responseFlags }) => responseFlags),
    ['', 'UPE', 'UPE', '', ''],
  );
});

test('a client that goes away takes its request with it', async () => {
  const gone = Promise.withResolvers<void>();
  await using backend = await startRawServer((socket) => {
    onHeads(socket, () => client.socket.end());
    socket.on('end', () => gone.resolve());
  });
  await using proxy = await startHttpProxy({ routes: toBackend, clusters: [staticCluster('backend', [backend.port])] });
  using client = new RawClient(proxy.port);
  client.send(get('/'));
  await gone.promise;
  const [record] = await proxy.recorded(1);
  assert.deepEqual([record?.responseCode, record?.responseFlags, record?.responseCodeDetails], [0, 'DC', 'downstream_remote_disconnect']);
});

test('a kept-alive upstream connection that was closed meanwhile costs no GET its answer', async () => {
  let requests = 0;
  await using backend = await startRawServer((socket) =>
    onHeads(socket, (_head, index) => {
      requests++;
      // The first answer keeps the connection; the second request on it meets a close.
      if (index === 0) socket.write(ok('yes'));
      else socket.destroy();
    }),
  );
  await using proxy = await startHttpProxy({ routes: toBackend, clusters: [staticCluster('backend', [backend.port])] });
  using client = new RawClient(proxy.port);
  for (let round = 1; round <= 6; round++) {
    client.send(get('/'));
    await client.until(new RegExp(`(?:yes[^]*){${round}}`));
  }
  assert.equal(requests, 11);
  // What may have been acted on is not sent twice.
  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n');
  assert.match(await client.until(/503/), /503 Service Unavailable/);
});

test('a reader that stands still stops the sender, either way, and nothing is lost', async () => {
  const size = 100_000_000;
  const piece = randomBytes(1_000_000);
  const expected = createHash('sha256');
  for (let sent = 0; sent < size; sent += piece.length) expected.update(piece);
  const hash = expected.digest('hex');
  const upload = Promise.withResolvers<IncomingMessage>();
  let sent = 0;
  const sendAll = (to: Writable): void => {
    sent = 0;
    const more = (): void => {
      while (sent < size) {
        sent += piece.length;
        if (!to.write(piece)) return void to.once('drain', more);
      }
      to.end();
    };
    more();
  };
  await using backend = await startNodeServer((request, response) => {
    if (request.method === 'GET') sendAll(response);
    else {
      request.pause();
      upload.resolve(request);
      request.on('end', () => response.end());
    }
  });
  await using proxy = await startHttpProxy({ routes: toBackend, clusters: [staticCluster('backend', [backend.port])] });
  const { port } = proxy;
  const download = await new Promise<IncomingMessage>((resolve) => httpRequest({ host: '127.0.0.1', port, agent: false }, resolve).end());
  download.pause();
  // What the kernel's buffers of both connections hold and a little more, not the whole.
  assert.ok((await standstill(() => sent)) < 30_000_000, `${sent} bytes were taken from the server`);
  assert.equal(await hashOf(download), hash);
  const request = httpRequest({ host: '127.0.0.1', port, method: 'POST', agent: false });
  const answered = new Promise((resolve) => request.on('response', (message: IncomingMessage) => message.resume().on('end', resolve)));
  sendAll(request);
  const received = await upload.promise;
  assert.ok((await standstill(() => sent)) < 30_000_000, `${sent} bytes were taken from the client`);
  assert.equal(await hashOf(received), hash);
  await answered;
});

test('a connection whose upload was held back takes the next request', async () => {
  // Head and body together fill whole reads, so that the last piece is as large as any and is held back as well.
  const head = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n';
  const size = 140 * 65_536 - head.length;
  const upload = head.replace('9999999', String(size).padStart(7, '0')) + 'x'.repeat(size);
  await using backend = await startNodeServer((request, response) => {
    // A fixed length, so that GET and POST end their answers by their own words.
    request.pause();
    setTimeout(() => request.resume(), 20);
    request.on('end', () => response.setHeader('content-length', request.method?.length ?? 0).end(request.method));
  });
  await using proxy = await startHttpProxy({ routes: toBackend, clusters: [staticCluster('backend', [backend.port])] });
  using client = new RawClient(proxy.port);
  for (let round = 1; round <= 5; round++) {
    client.text = '';
    client.send(upload);
    await client.until(/POST$/);
    client.send(get('/'));
    assert.match(await client.until(/GET$/), /POST[^]*GET$/);
  }
});

/** The value once it has stayed the same for 100 ms. */
async function standstill(value: () => number): Promise<number> {
  for (let before = -1; before !== value(); await delay(100)) before = value();
  return value();
}

function hashOf(message: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    const hash = createHash('sha256');
    message.on('data', (chunk: Buffer) => hash.update(chunk));
    message.on('end', () => resolve(hash.digest('hex')));
    message.resume();
  });
}
