import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { type HttpProxy, type HttpProxySetup, oneHost, startHttpProxy, staticCluster } from '#test/support/http-proxy.ts';
import { onHeads, RawClient, startRawServer } from '#test/support/raw-tcp.ts';

const typed = (name: string, json: JsonObject): JsonObject => ({ '@type': `type.googleapis.com/envoy.extensions.filters.http.${name}`, ...json });
const share = { numerator: 100, denominator: 'HUNDRED' };
const filters: readonly JsonObject[] = [
  { name: 'fault', typed_config: typed('fault.v3.HTTPFault', {}) },
  { name: 'buffer', typed_config: typed('buffer.v3.Buffer', { max_request_bytes: 1000 }), disabled: true },
  { name: 'limit', typed_config: typed('local_ratelimit.v3.LocalRateLimit', { stat_prefix: 's' }) },
];
const fault = (json: JsonObject): JsonObject => ({ fault: typed('fault.v3.HTTPFault', json) });
const delay = (seconds: string): JsonObject => ({ delay: { fixed_delay: seconds, percentage: share } });
const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;

function start(port: number, perFilter: JsonObject, more: Partial<HttpProxySetup> = {}): Promise<HttpProxy> {
  const routes = oneHost([
    { match: { prefix: '/plain' }, route: { cluster: 'backend' } },
    { match: { prefix: '/' }, route: { cluster: 'backend', retry_policy: { retry_on: '5xx' } }, typed_per_filter_config: perFilter },
  ]);
  return startHttpProxy({ routes, clusters: [staticCluster('backend', [port])], filters, ...more });
}

/** Counts body bytes up to `size` and answers with their number. */
async function startCounter(size: number) {
  return startRawServer((socket) => {
    let count = 0;
    let inBody = false;
    socket.on('data', (chunk: Buffer) => {
      const end = inBody ? -4 : chunk.indexOf('\r\n\r\n');
      if (!inBody && end === -1) return;
      inBody = true;
      count += chunk.length - (end + 4);
      if (count >= size) socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n${String(count).padStart(8)}`);
    });
  });
}

test('a body that comes while its request waits is held back, and goes on whole', async () => {
  const size = 3_000_000;
  await using backend = await startCounter(size);
  await using proxy = await start(backend.port, fault(delay('0.1s')));
  using client = new RawClient(proxy.port);
  client.send(`POST / HTTP/1.1\r\nHost: a\r\ncontent-length: ${size}\r\n\r\n`);
  client.send('b'.repeat(size));
  assert.match(await client.until(String(size)), /^HTTP\/1.1 200 /);
  const [record] = await proxy.recorded(1);
  assert.deepEqual([record?.responseFlags, record?.bytesReceived], ['DI', size]);
});

test('a limit on bodies counts what came while the request waited before it', async () => {
  const buffer = (bytes: number): JsonObject => ({ buffer: typed('buffer.v3.BufferPerRoute', { buffer: { max_request_bytes: bytes } }) });
  const size = 1_500_000;
  await using backend = await startCounter(size);
  for (const [limit, answer, flags] of [
    [1000, /^HTTP\/1.1 413 [^]*Payload Too Large/, 'DI'],
    [size, /^HTTP\/1.1 200 [^]*1500000/, 'DI'],
  ] as const) {
    await using proxy = await start(backend.port, { ...fault(delay('0.1s')), ...buffer(limit) });
    using client = new RawClient(proxy.port);
    client.send(`POST / HTTP/1.1\r\nHost: a\r\ncontent-length: ${size}\r\n\r\n`);
    client.send('b'.repeat(size));
    assert.match(await client.until(/Too Large|1500000$/), answer);
    const [record] = await proxy.recorded(1);
    assert.equal(record?.responseFlags, flags);
  }
});

test('a client that leaves while its request waits leaves nothing behind, and its place for a fault is free', async () => {
  await using backend = await startRawServer((socket) => onHeads(socket, () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')));
  await using proxy = await start(backend.port, fault({ ...delay('60s'), max_active_faults: 1 }));
  const gone = new RawClient(proxy.port);
  gone.send(get('/'));
  using second = new RawClient(proxy.port);
  // The one place is taken once the first request waits: until then a second one would wait as well.
  second.send(get('/plain'));
  await second.until('ok');
  using third = new RawClient(proxy.port);
  third.send(get('/'));
  await third.until('ok');
  gone.socket.destroy();
  const records = await proxy.recorded(3);
  assert.deepEqual(records.map(({ responseFlags, responseCodeDetails }) => [responseFlags, responseCodeDetails]).toSorted(), [
    ['', 'via_upstream'],
    ['', 'via_upstream'],
    ['DI,DC', 'downstream_remote_disconnect'],
  ]);
  assert.equal(backend.connections.length, 1);
});

test('buckets belong to their limit: a route that is compiled anew begins with full ones', async () => {
  await using backend = await startRawServer((socket) => onHeads(socket, () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')));
  const always = { default_value: share };
  const limit: JsonObject = {
    limit: typed('local_ratelimit.v3.LocalRateLimit', {
      stat_prefix: 's',
      token_bucket: { max_tokens: 1, fill_interval: '3600s' },
      filter_enabled: always,
      filter_enforced: always,
    }),
  };
  await using proxy = await start(backend.port, limit);
  const ask = async (): Promise<string> => {
    using client = new RawClient(proxy.port);
    client.send(get('/'));
    return (await client.until(/ok|local_rate_limited/)).split('\r\n')[0] ?? '';
  };
  assert.deepEqual([await ask(), await ask()], ['HTTP/1.1 200 OK', 'HTTP/1.1 429 Too Many Requests']);
  proxy.setRoutes(oneHost([{ match: { prefix: '/' }, route: { cluster: 'backend' }, typed_per_filter_config: limit }]));
  assert.deepEqual([await ask(), await ask()], ['HTTP/1.1 200 OK', 'HTTP/1.1 429 Too Many Requests']);
  assert.deepEqual(
    (await proxy.recorded(4)).map(({ responseFlags }) => responseFlags),
    ['', 'RL', '', 'RL'],
  );
});
