import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { HandClock } from '#test/support/hand-clock.ts';
import { oneHost, startHttpProxy, staticCluster } from '#test/support/http-proxy.ts';
import { onHeads, RawClient, startRawServer } from '#test/support/raw-tcp.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

const routes = oneHost([{ match: { prefix: '/' }, route: { cluster: 'backend' } }]);
const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const answer = (body: string): string => `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

test('a new endpoint costs the others no connection, one that went finishes what it has', async () => {
  const held: (() => void)[] = [];
  await using first = await startRawServer((socket) => onHeads(socket, () => held.push(() => socket.write(answer('first')))));
  await using second = await startRawServer((socket) => onHeads(socket, () => socket.write(answer('second'))));
  await using proxy = await startHttpProxy({ routes, clusters: [staticCluster('backend', [first.port])] });
  const cluster = proxy.clusters.get('backend');
  assert.ok(cluster !== undefined);
  const [endpoint] = cluster.entry.endpoints;
  assert.ok(endpoint !== undefined);

  using client = new RawClient(proxy.port);
  client.send(get);
  while (held.length < 1) await new Promise((resolve) => setImmediate(resolve));
  held.shift()?.();
  await client.until('first');
  const other = { ...endpoint, port: second.port, key: `127.0.0.1:${second.port}` };
  proxy.clusters.set({ ...cluster.entry, endpoints: [endpoint, other] });
  proxy.clusters.set({ ...cluster.entry, endpoints: [endpoint] });
  client.send(get);
  while (held.length < 1) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(first.connections.length, 1, 'the connection was kept');

  const ended = new Promise((resolve) => first.connections[0]?.on('end', resolve));
  proxy.clusters.set({ ...cluster.entry, endpoints: [other] });
  using next = new RawClient(proxy.port);
  next.send(get);
  await next.until('second');
  held.shift()?.();
  await client.until(/first[^]*first/);
  await ended;
  assert.equal(
    (await proxy.recorded(3)).every(({ responseCode }) => responseCode === 200),
    true,
  );
});

test('other settings make new pools, and requests under way keep theirs', async () => {
  const held: (() => void)[] = [];
  await using backend = await startRawServer((socket) => onHeads(socket, () => held.push(() => socket.write(answer('x')))));
  await using proxy = await startHttpProxy({ routes, clusters: [staticCluster('backend', [backend.port])] });
  const cluster = proxy.clusters.get('backend');
  assert.ok(cluster !== undefined);
  using one = new RawClient(proxy.port);
  one.send(get);
  while (held.length < 1) await new Promise((resolve) => setImmediate(resolve));
  proxy.clusters.set({ ...cluster.entry, maxRequestsPerConnection: 1 });
  using two = new RawClient(proxy.port);
  two.send(get);
  while (held.length < 2) await new Promise((resolve) => setImmediate(resolve));
  for (const release of held) release();
  await Promise.all([one.until('x'), two.until('x')]);
  assert.equal(backend.connections.length, 2);
  const { usage } = cluster;
  assert.deepEqual([usage.requests, usage.pendingRequests], [0, 0]);
});

test('a cluster that is taken away is NC for new requests only', async () => {
  const held: (() => void)[] = [];
  await using backend = await startRawServer((socket) => onHeads(socket, () => held.push(() => socket.write(answer('late')))));
  await using proxy = await startHttpProxy({ routes, clusters: [staticCluster('backend', [backend.port])] });
  using client = new RawClient(proxy.port);
  client.send(get);
  while (held.length < 1) await new Promise((resolve) => setImmediate(resolve));
  proxy.clusters.remove('backend');
  using next = new RawClient(proxy.port);
  next.send(get);
  assert.match(await next.until('not found'), /^HTTP\/1.1 503 /);
  held[0]?.();
  await client.until('late');
});

test('an ejection outlives a change of the endpoints, and ends by the clock', async () => {
  await using bad = await startRawServer((socket) => onHeads(socket, () => socket.write('HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n')));
  await using good = await startRawServer((socket) => onHeads(socket, () => socket.write(answer('good'))));
  const outlier_detection = { consecutive_5xx: 2, interval: '1s', base_ejection_time: '2s', max_ejection_percent: 100 };
  const noPanic = { common_lb_config: { healthy_panic_threshold: {} } };
  const clock = new HandClock();
  await using proxy = await startHttpProxy({
    routes,
    clusters: [staticCluster('backend', [bad.port, good.port], { outlier_detection, ...noPanic })],
    clock,
  });
  const cluster = proxy.clusters.get('backend');
  assert.ok(cluster !== undefined);
  const ejected = (): readonly boolean[] => [...cluster.endpoints.values()].map((endpoint) => endpoint.ejected);
  const call = async (): Promise<string> => {
    using client = new RawClient(proxy.port);
    client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    return (await client.untilClosed()).slice(9, 12);
  };
  for (let request = 0; request < 4; request++) await call();
  assert.deepEqual(ejected(), [true, false]);
  const [first, second] = cluster.entry.endpoints;
  assert.ok(first !== undefined && second !== undefined);
  const third = { ...second, port: 1, key: '127.0.0.1:1', healthy: false };
  proxy.clusters.set({ ...cluster.entry, endpoints: [{ ...first, weight: 3 }, second, third] });
  assert.deepEqual(ejected(), [true, false, false]);
  assert.equal(await call(), '200');
  proxy.clusters.set({ ...cluster.entry, connectTimeoutMs: 2000 });
  assert.deepEqual(ejected(), [true, false, false], 'other settings of the cluster do not end it');
  clock.advance(3000);
  assert.deepEqual(ejected(), [false, false, false]);
  proxy.clusters.remove('backend');
});

test('endpoints of an ORIGINAL_DST cluster go when nobody uses them any more', async () => {
  await using backend = await startRawServer((socket) => onHeads(socket, () => socket.write(answer('here'))));
  const clock = new HandClock();
  const original = { name: 'backend', type: 'ORIGINAL_DST', lb_policy: 'CLUSTER_PROVIDED', original_dst_lb_config: { use_http_header: true } };
  await using proxy = await startHttpProxy({ routes, clusters: [original], clock });
  using client = new RawClient(proxy.port);
  client.send(`GET / HTTP/1.1\r\nHost: a\r\nx-envoy-original-dst-host: 127.0.0.1:${backend.port}\r\n\r\n`);
  assert.match(await client.until('here'), /^HTTP\/1.1 200 /);
  const cluster = proxy.clusters.get('backend');
  assert.deepEqual([...(cluster?.endpoints.keys() ?? [])], [`127.0.0.1:${backend.port}`]);
  clock.advance(5_000);
  assert.equal(cluster?.endpoints.size, 1, 'used within the last interval');
  clock.advance(5_000);
  assert.equal(cluster?.endpoints.size, 0);
});

test('an endpoint may be a Unix socket', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'socket');
  const server = createServer((socket) => onHeads(socket, () => socket.end(answer('by path'))));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const load_assignment = { cluster_name: 'backend', endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path } } } }] }] };
  await using proxy = await startHttpProxy({ routes, clusters: [{ name: 'backend', load_assignment }] });
  using client = new RawClient(proxy.port);
  client.send(get);
  assert.match(await client.until('by path'), /^HTTP\/1.1 200 /);
  await new Promise<void>((resolve) => server.close(() => resolve()));
});

test('a connection that has lived long enough takes no further request', async () => {
  await using backend = await startRawServer((socket) => onHeads(socket, () => socket.write(answer('x'))));
  const clock = new HandClock();
  const common_http_protocol_options = { max_connection_duration: '10s' };
  await using proxy = await startHttpProxy({ routes, clusters: [staticCluster('backend', [backend.port], { common_http_protocol_options })], clock });
  using client = new RawClient(proxy.port);
  client.send(get);
  await client.until(/x$/);
  client.send(get);
  await client.until(/x[^]*x$/);
  assert.equal(backend.connections.length, 1);
  clock.advance(11_000);
  client.send(get);
  await client.until(/x[^]*x[^]*x$/);
  assert.equal(backend.connections.length, 2);
});

test('of endpoints with one address the first counts', async () => {
  await using backend = await startRawServer((socket) => onHeads(socket, () => socket.write(answer('x'))));
  await using proxy = await startHttpProxy({ routes, clusters: [staticCluster('backend', [backend.port, backend.port])] });
  const cluster = proxy.clusters.get('backend');
  assert.equal(cluster?.endpoints.size, 1);
  const [first, second] = cluster?.entry.endpoints ?? [];
  assert.ok(cluster !== undefined && first !== undefined && second !== undefined);
  proxy.clusters.set({ ...cluster.entry, endpoints: [{ ...first, weight: 7 }, second] });
  assert.deepEqual(
    [...cluster.endpoints.values()].map(({ entry }) => entry.weight),
    [7],
  );
});

test('a dynamic forward proxy knows no more hosts than it may, until some are not asked for any more', async () => {
  const clock = new HandClock();
  await using backend = await startRawServer((socket) => onHeads(socket, () => socket.write(answer('ok'))));
  const type = 'type.googleapis.com/envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig';
  const cluster_type = { name: 'dynamic', typed_config: { '@type': type, dns_cache_config: { name: 'hosts', max_hosts: 2 } } };
  await using proxy = await startHttpProxy({ routes, clusters: [{ name: 'backend', lb_policy: 'CLUSTER_PROVIDED', cluster_type }], clock });
  const told: string[] = [];
  const ask = async (host: string): Promise<void> => {
    using client = new RawClient(proxy.port);
    client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    await client.until(/\r\n\r\n./);
    const record = (await proxy.recorded(told.length + 1)).at(-1);
    told.push(`${record?.responseCode} ${record?.responseCodeDetails.replace(/[{|].*/, '')}`);
  };
  const known = `127.0.0.1:${backend.port}`;
  const refused = ['127.0.0.1:1', '127.0.0.1:2'] as const;
  for (const host of [known, refused[0], refused[1], known]) await ask(host);
  // Both were used in the first of two intervals.
  clock.advance(10_000);
  await ask(refused[1]);
  const unreachable = '503 upstream_reset_before_response_started';
  assert.deepEqual(told, ['200 via_upstream', unreachable, '503 dns_cache_overflow', '200 via_upstream', unreachable]);
});
