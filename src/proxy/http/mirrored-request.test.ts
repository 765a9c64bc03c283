import assert from 'node:assert/strict';
import { test } from 'node:test';
import { oneHost, startHttpProxy, staticCluster } from '#test/support/http-proxy.ts';
import { onHeads, RawClient, startRawServer } from '#test/support/raw-tcp.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const routes = oneHost([{ match: { prefix: '/' }, route: { cluster: 'main', request_mirror_policies: [{ cluster: 'copy' }] } }]);

test('a receiver of copies that does not read loses the copy, and holds nothing up', async () => {
  // More than sockets hold by themselves.
  const size = 40_000_000;
  let seen = 0;
  await using main = await startRawServer((socket) =>
    socket.on('data', (chunk: Buffer) => {
      seen += chunk.length;
      if (seen >= size) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
    }),
  );
  let copyEnded = false;
  await using copy = await startRawServer((socket) => {
    socket.pause();
    socket.on('end', () => (copyEnded = true));
    socket.on('close', () => (copyEnded = true));
  });
  await using proxy = await startHttpProxy({ routes, clusters: [staticCluster('main', [main.port]), staticCluster('copy', [copy.port])] });
  using client = new RawClient(proxy.port);
  client.send(`POST / HTTP/1.1\r\nHost: a\r\ncontent-length: ${size}\r\n\r\n`);
  client.send('b'.repeat(size));
  assert.match(await client.until('ok'), /^HTTP\/1.1 200 /);
  // What is in the sockets has to be read before their end is seen.
  for (const socket of copy.connections) socket.resume();
  await waitUntil('the copy to be given up', () => copyEnded);
  assert.equal(proxy.clusters.get('copy')?.usage.requests, 0);
  const received = copy.connections.reduce((sum, { bytesRead }) => sum + bytesRead, 0);
  assert.ok(received < size, `${received} bytes of the copy came`);
});

test('what becomes of a copy is not seen by the request', async () => {
  await using main = await startRawServer((socket) => onHeads(socket, () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')));
  for (const answer of ['HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n', 'not HTTP at all\r\n\r\n', '']) {
    await using copy = await startRawServer((socket) => onHeads(socket, () => (answer === '' ? socket.destroy() : socket.write(answer))));
    await using proxy = await startHttpProxy({ routes, clusters: [staticCluster('main', [main.port]), staticCluster('copy', [copy.port])] });
    using client = new RawClient(proxy.port);
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.match(await client.until('ok'), /^HTTP\/1.1 200 /);
    await waitUntil('the copy to be over', () => copy.connections.length === 1 && proxy.clusters.get('copy')?.usage.requests === 0);
    assert.deepEqual(
      (await proxy.recorded(1)).map(({ responseFlags }) => responseFlags),
      [''],
    );
  }
});
