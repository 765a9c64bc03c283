import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { test } from 'node:test';
import { pipeToLocal } from '#agent/local-pipe.ts';

test('bytes go both ways, and each side ends on its own', async () => {
  await using behind = await listen((socket) => {
    socket.write('first ');
    socket.on('data', (chunk: Buffer) => socket.write(chunk));
    socket.on('end', () => socket.end(' last'));
  });
  await using before = await listen((socket) => pipeToLocal(socket, behind.port));
  const client = connect({ port: before.port, host: '127.0.0.1', allowHalfOpen: true });
  client.end('hello');
  let said = '';
  for await (const chunk of client.setEncoding('utf8')) said += String(chunk);
  assert.equal(said, 'first hello last');
});

test('nobody there, and a reset, close the other side', async () => {
  await using gone = await listen(() => {});
  await gone[Symbol.asyncDispose]();
  await using before = await listen((socket) => pipeToLocal(socket, gone.port));
  const client = connect(before.port, '127.0.0.1').on('error', () => {});
  await once(client, 'close');

  const seen = Promise.withResolvers<Socket>();
  await using behind = await listen((socket) => seen.resolve(socket.on('error', () => {}).resume()));
  await using between = await listen((socket) => pipeToLocal(socket, behind.port));
  const other = connect(between.port, '127.0.0.1').on('error', () => {});
  const socket = await seen.promise;
  other.resetAndDestroy();
  await once(socket, 'end');
  socket.destroy();
});

async function listen(accept: (socket: Socket) => void): Promise<{ readonly port: number } & AsyncDisposable> {
  const server: Server = createServer({ allowHalfOpen: true, pauseOnConnect: false }, accept);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  // It listens on a port.
  const { port } = server.address() as AddressInfo;
  return { port, [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void server.close(() => resolve())) };
}
