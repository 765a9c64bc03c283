import assert from 'node:assert/strict';
import { test } from 'node:test';
import { oneHost, startHttpProxy, staticCluster } from '#test/support/http-proxy.ts';
import { onHeads, RawClient, startRawServer } from '#test/support/raw-tcp.ts';

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
