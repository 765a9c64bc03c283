import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { oneHost, startHttpProxy, staticCluster } from '#test/support/http-proxy.ts';
import { onHeads, RawClient, startRawServer } from '#test/support/raw-tcp.ts';
import { waitUntil } from '#test/support/wait-until.ts';

/** What Istio gives every route. */
const istioPolicy: JsonObject = {
  retry_on: 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes',
  num_retries: 2,
  retriable_status_codes: [503],
  retry_host_predicate: [
    {
      name: 'envoy.retry_host_predicates.previous_hosts',
      typed_config: { '@type': 'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate' },
    },
  ],
  host_selection_retry_max_attempts: 5,
};
const routes = (policy: JsonObject): JsonObject =>
  oneHost([{ match: { prefix: '/' }, route: { cluster: 'backend', retry_policy: policy } }], { include_request_attempt_count: true });
const answer = (status: number, body: string): string => `HTTP/1.1 ${status} X\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

test('an answer of 503 is asked for again, with its body, and the attempts are counted', async () => {
  const heads: string[] = [];
  await using backend = await startRawServer((socket) => {
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (!text.endsWith('hello')) return;
      heads.push(text);
      text = '';
      socket.write(heads.length < 3 ? answer(503, 'no') : answer(200, 'yes'));
    });
  });
  await using proxy = await startHttpProxy({ routes: routes(istioPolicy), clusters: [staticCluster('backend', [backend.port])] });
  using client = new RawClient(proxy.port);
  client.send('POST / HTTP/1.1\r\nHost: a\r\ncontent-length: 5\r\n\r\nhello');
  assert.match(await client.until('yes'), /^HTTP\/1.1 200 /);
  assert.deepEqual(
    heads.map((head) => /x-envoy-attempt-count: (\d)/.exec(head)?.[1]),
    ['1', '2', '3'],
  );
  const [record] = await proxy.recorded(1);
  assert.deepEqual([record?.responseCode, record?.responseFlags, record?.upstreamAttempts], [200, '', 3]);
  assert.equal(proxy.clusters.get('backend')?.usage.retries, 0);
});

test('a body that grows beyond what is kept while a retry waits ends the request: no half of it goes out', async () => {
  const seen: string[] = [];
  await using backend = await startRawServer((socket) =>
    onHeads(socket, (head) => {
      seen.push(head);
      socket.write(answer(503, 'no'));
    }),
  );
  const waits = { ...istioPolicy, retry_back_off: { base_interval: '60s', max_interval: '60s' } };
  const clusters = [staticCluster('backend', [backend.port])];
  await using proxy = await startHttpProxy({ routes: routes(waits), clusters, random: () => 0.5 });
  using client = new RawClient(proxy.port);
  client.send('POST / HTTP/1.1\r\nHost: a\r\ncontent-length: 3000000\r\n\r\nfirst');
  await waitUntil('the retry waits', () => proxy.clusters.get('backend')?.usage.retries === 1);
  client.send('b'.repeat(2_000_000));
  assert.match(await client.until('while retrying upstream'), /^HTTP\/1.1 507 /);
  const [record] = await proxy.recorded(1);
  assert.equal(record?.responseCodeDetails, 'request_payload_exceeded_retry_buffer_limit');
  assert.deepEqual([seen.length, proxy.clusters.get('backend')?.usage.retries], [1, 0]);
});

test('when the retries are used up the last answer is given, with URX', async () => {
  await using backend = await startRawServer((socket) => onHeads(socket, () => socket.write(answer(503, 'no'))));
  await using proxy = await startHttpProxy({ routes: routes(istioPolicy), clusters: [staticCluster('backend', [backend.port])] });
  using client = new RawClient(proxy.port);
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.match(await client.until('no'), /^HTTP\/1.1 503 /);
  const [record] = await proxy.recorded(1);
  assert.deepEqual([record?.responseFlags, record?.responseCodeDetails, record?.upstreamAttempts], ['URX', 'via_upstream', 3]);
});

test('an endpoint that refuses is left for another one', async () => {
  const gone = await startRawServer(() => {});
  await gone[Symbol.asyncDispose]();
  await using backend = await startRawServer((socket) => onHeads(socket, () => socket.write(answer(200, 'yes'))));
  await using proxy = await startHttpProxy({ routes: routes(istioPolicy), clusters: [staticCluster('backend', [gone.port, backend.port])] });
  using client = new RawClient(proxy.port);
  for (let round = 1; round <= 4; round++) {
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.until(new RegExp(`(?:yes[^]*){${round}}`));
  }
  const records = await proxy.recorded(4);
  assert.deepEqual(
    records.map(({ responseCode }) => responseCode),
    [200, 200, 200, 200],
  );
  assert.ok(records.some(({ upstreamAttempts }) => upstreamAttempts === 2));
});

test('a connection that breaks is not retried unless the policy says reset', async () => {
  for (const [policy, attempts, flags] of [
    [istioPolicy, 1, 'UC'],
    [{ retry_on: 'reset', num_retries: 1 }, 2, 'URX,UC'],
  ] as const) {
    await using backend = await startRawServer((socket) => onHeads(socket, () => socket.end()));
    await using proxy = await startHttpProxy({ routes: routes(policy), clusters: [staticCluster('backend', [backend.port])] });
    using client = new RawClient(proxy.port);
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.until('503');
    const [record] = await proxy.recorded(1);
    assert.deepEqual([record?.upstreamAttempts, record?.responseFlags], [attempts, flags]);
  }
});

test('a try that takes too long, or says nothing for too long, is made again', async () => {
  for (const limit of ['per_try_timeout', 'per_try_idle_timeout']) await secondTryAnswers(limit);
});

async function secondTryAnswers(limit: string): Promise<void> {
  let count = 0;
  await using backend = await startRawServer((socket) =>
    onHeads(socket, () => {
      if (++count === 2) socket.write(answer(200, 'yes'));
    }),
  );
  await using proxy = await startHttpProxy({
    routes: routes({ retry_on: '5xx', num_retries: 1, [limit]: '0.05s' }),
    clusters: [staticCluster('backend', [backend.port])],
  });
  using client = new RawClient(proxy.port);
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.match(await client.until('yes'), /^HTTP\/1.1 200 /);
}
