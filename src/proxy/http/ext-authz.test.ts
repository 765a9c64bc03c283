import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { type GrpcAnswer, startGrpcAuthorizer } from '#test/support/authorizer.ts';
import { type HttpProxy, oneHost, startHttpProxy, staticCluster } from '#test/support/http-proxy.ts';
import { RawClient, startRawServer } from '#test/support/raw-tcp.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const http2 = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
};

function start(backendPort: number, authorizerPort: number, config: JsonObject = {}): Promise<HttpProxy> {
  const typed_config = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz',
    transport_api_version: 'V3',
    grpc_service: { envoy_grpc: { cluster_name: 'authorizer' }, timeout: '60s' },
    ...config,
  };
  return startHttpProxy({
    routes: oneHost([{ match: { prefix: '/' }, route: { cluster: 'backend' } }]),
    clusters: [staticCluster('backend', [backendPort]), staticCluster('authorizer', [authorizerPort], http2)],
    filters: [{ name: 'authz', typed_config }],
  });
}

/** Counts the bytes of bodies behind the head and answers with their number once there are `size`. */
function startCounter(size: number) {
  return startRawServer((socket) => {
    let count = -1;
    socket.on('data', (chunk: Buffer) => {
      const end = count === -1 ? chunk.indexOf('\r\n\r\n') + 4 : 0;
      count = Math.max(count, 0) + chunk.length - end;
      if (count >= size) socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n${String(count).padStart(8)}`);
    });
  });
}

test('a body of which the authoriser sees the beginning goes on whole, and what comes while he is asked is held back', async () => {
  const size = 3_000_000;
  await using backend = await startCounter(size);
  await using authorizer = await startGrpcAuthorizer(() => ({ status: {} }));
  for (const config of [{}, { with_request_body: { max_request_bytes: 100, allow_partial_message: true } }]) {
    await using proxy = await start(backend.port, authorizer.port, config);
    using client = new RawClient(proxy.port);
    client.send(`POST / HTTP/1.1\r\nHost: a\r\ncontent-length: ${size}\r\n\r\n`);
    client.send('b'.repeat(size));
    assert.match(await client.until(String(size)), /^HTTP\/1.1 200 /);
  }
  assert.equal(authorizer.asked.length, 2);
});

test('nothing of a request goes on before the answer, and a client that leaves takes its question along', async () => {
  let answer: GrpcAnswer = 'hang';
  await using backend = await startCounter(0);
  await using authorizer = await startGrpcAuthorizer(() => answer);
  await using proxy = await start(backend.port, authorizer.port);
  const gone = new RawClient(proxy.port);
  gone.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await waitUntil('the question', () => authorizer.asked.length === 1);
  assert.equal(backend.connections.length, 0);
  gone.socket.destroy();
  const [record] = await proxy.recorded(1);
  assert.deepEqual([record?.responseFlags, record?.responseCodeDetails], ['DC', 'downstream_remote_disconnect']);
  await waitUntil('the end of the question', () => proxy.clusters.get('authorizer')?.usage.requests === 0);
  answer = { status: { code: 7 } };
  using denied = new RawClient(proxy.port);
  denied.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.match(await denied.until('\r\n\r\n'), /^HTTP\/1.1 403 /);
  assert.equal(backend.connections.length, 0);
});
