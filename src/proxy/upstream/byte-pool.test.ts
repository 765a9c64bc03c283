import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { compileCluster } from '#decide/cluster.ts';
import { endpointAt } from '#decide/endpoints.ts';

import { ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import type { RequestHead, ResponseReceiver } from '#proxy/http/stream.ts';
import { bytePoolFactory } from '#proxy/upstream/byte-pool.ts';
import { ClusterCounters } from '#proxy/upstream/cluster-counters.ts';
import { ClusterUsage } from '#proxy/upstream/cluster-usage.ts';
import { connectPlain } from '#proxy/upstream/connect.ts';
import type { ConnectionEnds } from '#proxy/upstream/proxy-protocol.ts';

const head: RequestHead = { method: 'CONNECT', scheme: 'http', authority: 'a.example:443', path: '', version: 'HTTP/1.1', headers: [] };

/** What came back, as words; `next` resolves with each one. */
function listen() {
  const seen: string[] = [];
  const waiting: ((word: string) => void)[] = [];
  const say = (word: string): void => {
    const first = waiting.shift();
    if (first === undefined) seen.push(word);
    else first(word);
  };
  const receiver: ResponseReceiver = {
    onConnected: () => say('connected'),
    onInformational: () => say('informational'),
    onHead: ({ status }) => say(`head ${status}`),
    onData: (chunk) => say(chunk.toString('utf8')),
    onEnd: () => say('end'),
    onReset: (reason) => say(`reset ${reason}`),
    onWritable: () => say('writable'),
  };
  const next = (): Promise<string> => {
    const known = seen.shift();
    return known === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(known);
  };
  return { receiver, next };
}

type Announcing = { readonly proxyProtocol: 1 | 2; readonly client: ConnectionEnds };

function pool(port: number, maxConnections = 10, announcing?: Announcing) {
  const cluster = compileCluster(create(ClusterSchema, { name: 'bytes', circuitBreakers: { thresholds: [{ maxConnections }] } }));
  assert.ok(cluster.ok);
  const usage = new ClusterUsage(new ClusterCounters('bytes', undefined));
  const entry = announcing === undefined ? cluster.value : { ...cluster.value, proxyProtocol: announcing.proxyProtocol };
  return { usage, pool: bytePoolFactory(connectPlain)(entry, endpointAt('127.0.0.1', port), usage, announcing?.client) };
}

async function withServer(serve: (socket: Socket) => void, run: (port: number) => Promise<void>): Promise<void> {
  const server = createServer({ allowHalfOpen: true }, serve);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  try {
    await run(typeof address === 'object' && address !== null ? address.port : 0);
  } finally {
    server.close();
    await once(server, 'close');
  }
}

test('bytes go both ways, what came early first, and each end ends on its own', async () => {
  const echo = (socket: Socket): void => {
    socket.on('data', (chunk) => socket.write(chunk));
    socket.on('end', () => socket.end('bye'));
  };
  await withServer(echo, async (port) => {
    const { pool: bytes, usage } = pool(port);
    const { receiver, next } = listen();
    const stream = bytes.open(head, true, receiver);
    stream.sendData(Buffer.from('early'));
    assert.equal(bytes.activeRequests, 1);
    assert.deepEqual([await next(), await next(), await next()], ['connected', 'head 200', 'early']);
    stream.sendData(Buffer.from('more'));
    assert.equal(await next(), 'more');
    stream.sendEnd();
    assert.deepEqual([await next(), await next()], ['bye', 'end']);
    stream.reset('local-reset');
    assert.deepEqual([bytes.activeRequests, usage.connections], [0, 0]);
  });
});

test('who sends before there is a connection has to wait, and then may go on', async () => {
  const size = 70_000;
  const count = (socket: Socket): void => {
    let seen = 0;
    socket.on('data', (chunk) => {
      seen += chunk.length;
      if (seen === size) socket.end(`${seen}`);
    });
  };
  await withServer(count, async (port) => {
    const { receiver, next } = listen();
    const stream = pool(port).pool.open(head, true, receiver);
    assert.equal(stream.sendData(Buffer.alloc(60_000)), true);
    assert.equal(stream.sendData(Buffer.alloc(10_000)), false);
    const words = [await next(), await next(), await next(), await next()];
    assert.deepEqual(words, ['connected', 'head 200', 'writable', `${size}`]);
    stream.reset('local-reset');
  });
});

test('a cluster that announces clients names the client of the tunnel', async () => {
  const first = (socket: Socket): void => {
    socket.once('data', (chunk) => socket.end(chunk));
  };
  await withServer(first, async (port) => {
    const { receiver, next } = listen();
    const client = { sourceIp: '192.0.2.1', sourcePort: 1234, destinationIp: '192.0.2.2', destinationPort: 443 };
    const stream = pool(port, 10, { proxyProtocol: 1, client }).pool.open(head, true, receiver);
    assert.deepEqual([await next(), await next(), await next()], ['connected', 'head 200', 'PROXY TCP4 192.0.2.1 192.0.2.2 1234 443\r\n']);
    stream.reset('local-reset');
  });
});

test('nobody there, and no connection left to make', async () => {
  let port = 0;
  await withServer(
    () => {},
    (used) => {
      port = used;
      return Promise.resolve();
    },
  );
  const gone = listen();
  pool(port).pool.open(head, true, gone.receiver);
  assert.equal(await gone.next(), 'reset connect-failed');
  const full = listen();
  const none = pool(port, 0);
  none.pool.open(head, true, full.receiver);
  assert.equal(await full.next(), 'reset overflow');
  assert.equal(none.usage.connections, 0);
});
