import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BodyReceiver, RequestRefusal, ServerStream } from '#proxy/http/stream.ts';
import { FieldNames } from '#proxy/http1/field-names.ts';
import { ServerConnection } from '#proxy/http1/server-connection.ts';
import { WriteBatch } from '#proxy/http1/write-batch.ts';
import { TimerWheel } from '#proxy/timer-wheel.ts';
import { FakeSocket } from '#test/support/fake-socket.ts';
import { HandClock } from '#test/support/hand-clock.ts';
import { testConnection } from '#test/support/http1-server.ts';

const deaf: BodyReceiver = { onData: () => {}, onEnd: () => {}, onReset: () => {}, onWritable: () => {} };

function open(): { readonly clock: HandClock; readonly socket: FakeSocket; readonly streams: ServerStream[]; readonly connection: ServerConnection } {
  const clock = new HandClock();
  const socket = new FakeSocket();
  const streams: ServerStream[] = [];
  const handler = {
    onRequest: (stream: ServerStream) => {
      stream.receiver = deaf;
      streams.push(stream);
    },
    onRefused: (stream: ServerStream, refusal: RequestRefusal) => stream.sendHead({ status: refusal.status, headers: [] }, true),
  };
  const rules = { maxHeadBytes: 4096, maxFields: 20, acceptHttp10: false, defaultHostForHttp10: '', scheme: 'http' as const };
  const times = {
    requestHeadersTimeoutMs: 1000,
    idleTimeoutMs: 5000,
    delayedCloseTimeoutMs: 300,
    maxRequestsPerConnection: 2,
    maxConnectionDurationMs: 100_000,
  };
  const options = { rules, names: new FieldNames(), batch: new WriteBatch(), wheel: new TimerWheel(clock), ...times };
  return { clock, socket, streams, connection: new ServerConnection(socket.asSocket, testConnection, handler, options) };
}

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
/** A turn of the event loop: what is written outside of input goes out at its end. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a head that trickles in is refused after its time, however alive the sender is', async () => {
  const { clock, socket } = open();
  for (const byte of 'GET / HTTP') {
    socket.feed(byte);
    clock.advance(90);
  }
  clock.advance(200);
  await turn();
  assert.match(socket.written, /^HTTP\/1.1 408 /);
  assert.ok(socket.writableEnded);
});

test('a connection without requests closes after its idle time; one with a request does not', async () => {
  const { clock, socket, streams } = open();
  clock.advance(4900);
  socket.feed(get);
  clock.advance(60_000);
  assert.ok(!socket.writableEnded);
  streams[0]?.sendHead({ status: 200, headers: [] }, true);
  clock.advance(4900);
  assert.ok(!socket.writableEnded);
  clock.advance(200);
  await turn();
  assert.ok(socket.writableEnded);
});

test('a peer that keeps a closing connection open is cut off', async () => {
  const { clock, socket, streams } = open();
  socket.feed(get.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
  streams[0]?.sendHead({ status: 200, headers: [] }, true);
  await turn();
  assert.ok(socket.writableEnded && !socket.destroyed);
  clock.advance(400);
  assert.ok(socket.destroyed);
});

test('the last request a connection may have says so', async () => {
  const { socket, streams } = open();
  for (const index of [0, 1]) {
    socket.feed(get);
    streams[index]?.sendHead({ status: 200, headers: [] }, true);
  }
  await turn();
  assert.deepEqual(socket.written.match(/HTTP|connection: close/g), ['HTTP', 'HTTP', 'connection: close']);
  assert.ok(socket.writableEnded);
});

test('draining lets the request under way finish, and closes an idle connection at once', async () => {
  const busy = open();
  busy.socket.feed(get);
  busy.connection.drain();
  await turn();
  assert.ok(!busy.socket.writableEnded);
  busy.streams[0]?.sendHead({ status: 200, headers: [] }, true);
  await turn();
  assert.match(busy.socket.written, /connection: close/);
  assert.ok(busy.socket.writableEnded);
  const idle = open();
  idle.connection.drain();
  await turn();
  assert.ok(idle.socket.writableEnded);
});

test('a connection that has lived its time ends with its next response', async () => {
  const { clock, socket, streams } = open();
  clock.advance(4000);
  socket.feed(get);
  clock.advance(200_000);
  assert.ok(!socket.writableEnded);
  streams[0]?.sendHead({ status: 200, headers: [] }, true);
  await turn();
  assert.match(socket.written, /connection: close/);
  assert.ok(socket.writableEnded);
});

test('a body that was held back at its very end does not hold back the next request', () => {
  const { socket, streams } = open();
  socket.feed('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab');
  streams[0]?.pause();
  // What was on its way arrives all the same.
  socket.emit('data', Buffer.from('cd'));
  streams[0]?.sendHead({ status: 200, headers: [] }, true);
  socket.feed(get);
  assert.equal(streams.length, 2);
});
