import assert from 'node:assert/strict';
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { oneHost, startHttpProxy, staticCluster } from '#test/support/http-proxy.ts';
import { RawClient, startRawServer } from '#test/support/raw-tcp.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const routes = oneHost([{ match: { prefix: '/' }, route: { cluster: 'backend', timeout: '0s' } }]);

/** HTTP/2 to the endpoints, with these options. */
function http2(options: JsonObject, common: JsonObject = {}): JsonObject {
  return {
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicit_http_config: { http2_protocol_options: options },
        common_http_protocol_options: common,
      },
    },
  };
}

class HoldingBackend implements AsyncDisposable {
  readonly sessions: ServerHttp2Session[] = [];
  readonly held: ServerHttp2Stream[] = [];
  readonly #server: Http2Server = createServer();

  async listen(): Promise<number> {
    this.#server.on('session', (session) => this.sessions.push(session));
    this.#server.on('stream', (stream: ServerHttp2Stream) => this.held.push(stream));
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    // node answers an AddressInfo for a TCP server that listens.
    return (this.#server.address() as AddressInfo).port;
  }

  release(): void {
    for (const stream of this.held.splice(0)) {
      stream.respond({ ':status': 200 });
      stream.end('done');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.sessions) session.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

function send(port: number): RawClient {
  const client = new RawClient(port);
  client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  return client;
}

test('a connection carries no more streams than the cluster allows', async () => {
  await using backend = new HoldingBackend();
  const port = await backend.listen();
  await using proxy = await startHttpProxy({ routes, clusters: [staticCluster('backend', [port], http2({ max_concurrent_streams: 2 }))] });
  const clients = [send(proxy.port)];
  await waitUntil('the first is there', () => backend.held.length === 1);
  for (let more = 0; more < 3; more++) clients.push(send(proxy.port));
  await waitUntil('all are there', () => backend.held.length === 4);
  assert.equal(backend.sessions.length, 2);
  backend.release();
  for (const client of clients) assert.match(await client.untilClosed(), /^HTTP\/1.1 200 [^]*done/);
});

test('requests beyond what connections may carry wait, and beyond what may wait they overflow', async () => {
  await using backend = new HoldingBackend();
  const port = await backend.listen();
  const circuit_breakers = { thresholds: [{ max_connections: 1, max_pending_requests: 1 }] };
  const cluster = staticCluster('backend', [port], { ...http2({ max_concurrent_streams: 1 }), circuit_breakers });
  await using proxy = await startHttpProxy({ routes, clusters: [cluster] });
  const first = send(proxy.port);
  await waitUntil('the first is there', () => backend.held.length === 1);
  const second = send(proxy.port);
  await waitUntil('the second waits', () => proxy.clusters.get('backend')?.usage.pendingRequests === 1);
  assert.match(await send(proxy.port).untilClosed(), /^HTTP\/1.1 503 [^]*overflow/);
  backend.release();
  await waitUntil('the second is there', () => backend.held.length === 1);
  backend.release();
  for (const client of [first, second]) assert.match(await client.untilClosed(), /^HTTP\/1.1 200 /);
  const usage = proxy.clusters.get('backend')?.usage;
  assert.deepEqual([usage?.requests, usage?.pendingRequests], [0, 0]);
});

test('more requests at once than the cluster allows overflow', async () => {
  await using backend = new HoldingBackend();
  const port = await backend.listen();
  const circuit_breakers = { thresholds: [{ max_requests: 1 }] };
  await using proxy = await startHttpProxy({ routes, clusters: [staticCluster('backend', [port], { ...http2({}), circuit_breakers })] });
  const first = send(proxy.port);
  await waitUntil('the first is there', () => backend.held.length === 1);
  assert.match(await send(proxy.port).untilClosed(), /^HTTP\/1.1 503 [^]*x-envoy-overloaded: true/);
  backend.release();
  assert.match(await first.untilClosed(), /^HTTP\/1.1 200 /);
});

test('a connection that has lived long enough takes no new stream, and ends with its last', async () => {
  await using backend = new HoldingBackend();
  const port = await backend.listen();
  const cluster = staticCluster('backend', [port], http2({}, { max_connection_duration: '0.05s' }));
  await using proxy = await startHttpProxy({ routes, clusters: [cluster] });
  const first = send(proxy.port);
  await waitUntil('the first is there', () => backend.held.length === 1);
  const [session] = backend.sessions;
  const second = await waitUntil('a new request gets a new connection', async () => {
    const client = send(proxy.port);
    const before = backend.held.length;
    await waitUntil('it is there', () => backend.held.length > before);
    return backend.sessions.length > 1 && client;
  });
  assert.equal(session?.destroyed, false);
  backend.release();
  assert.match(await first.untilClosed(), /^HTTP\/1.1 200 /);
  assert.match(await second.untilClosed(), /^HTTP\/1.1 200 /);
  await waitUntil('the old connection has ended', () => session?.destroyed);
});

test('a connection that does not answer pings is given up', async () => {
  // It reads, and says nothing.
  await using silent = await startRawServer((socket) => socket.resume());
  const connection_keepalive = { interval: '0.05s', timeout: '0.05s' };
  await using proxy = await startHttpProxy({ routes, clusters: [staticCluster('backend', [silent.port], http2({ connection_keepalive }))] });
  assert.match(await send(proxy.port).untilClosed(), /^HTTP\/1.1 503 [^]*connection termination/);
});
