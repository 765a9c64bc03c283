// DNS messages through the host's resolvers: who is asked, in which order, and what happens to those that say nothing.
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { askResolvers, hostResolvers, type Resolver } from '#app/up/host-resolver.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

const query = Buffer.from('1234010000010000000000000161000001 0001'.replace(' ', ''), 'hex');

type FakeResolver = AsyncDisposable & { readonly at: Resolver; readonly asked: () => number };

async function fakeResolver(answer: (query: Buffer) => readonly Buffer[]): Promise<FakeResolver> {
  const socket: Socket = createSocket('udp4');
  let asked = 0;
  socket.on('message', (message, { port, address }) => {
    asked += 1;
    for (const one of answer(message)) socket.send(one, port, address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return {
    at: { address: '127.0.0.1', port: socket.address().port },
    asked: () => asked,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => socket.close(() => resolve())),
  };
}

/** The question with the flags of an answer, and more of them. */
function answered(message: Buffer, flags = 0): Buffer {
  const answer = Buffer.from(message);
  answer[2] = (answer[2] ?? 0) | 0x80 | flags;
  return answer;
}

test('the nameservers of resolv.conf are asked in order, those that are no address are not', async () => {
  await using folder = await temporaryFolder({
    'resolv.conf': '# mine\nsearch example.com\nnameserver 10.0.0.53\nnameserver  fe80::1%eth0\nnameserver none\n',
    empty: '\n',
  });
  assert.deepEqual(
    hostResolvers(`${folder.path}/resolv.conf`).map(({ address }) => address),
    ['10.0.0.53', 'fe80::1'],
  );
  assert.deepEqual(hostResolvers(`${folder.path}/empty`), [{ address: '127.0.0.1', port: 53 }]);
  assert.deepEqual(hostResolvers(`${folder.path}/none`), [{ address: '127.0.0.1', port: 53 }]);
});

test('a resolver that says nothing is followed by the next one; stray answers do not count', async () => {
  await using mute = await fakeResolver(() => []);
  await using well = await fakeResolver((message) => [
    Buffer.from('ffff8000', 'hex'),
    answered(Buffer.from(`ffff${message.toString('hex').slice(4)}`, 'hex')),
    answered(message),
  ]);
  const answer = await askResolvers(query, [mute.at, well.at], 50);
  assert.deepEqual(answer === undefined ? undefined : Buffer.from(answer), answered(query));
  assert.equal(mute.asked(), 1);
});

test('where nobody answers there is no answer, after two rounds', async () => {
  await using mute = await fakeResolver(() => []);
  assert.equal(await askResolvers(query, [mute.at], 20), undefined);
  assert.equal(mute.asked(), 2);
});

test('an answer that was cut short is asked for again by TCP', async () => {
  const whole = Buffer.concat([answered(query), Buffer.from('more')]);
  const server = createServer((socket) => {
    socket.once('data', () => {
      const length = Buffer.from([whole.length >> 8, whole.length & 0xff]);
      socket.write(length.subarray(0, 1));
      socket.end(Buffer.concat([length.subarray(1), whole]));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const bound = server.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
    const socket = createSocket('udp4');
    socket.on('message', (message, from) => socket.send(answered(message, 0x02), from.port, from.address));
    await new Promise<void>((resolve) => socket.bind(port, '127.0.0.1', resolve));
    const answer = await askResolvers(query, [{ address: '127.0.0.1', port }], 1_000);
    assert.equal(Buffer.from(answer ?? []).toString('hex'), whole.toString('hex'));
    await new Promise<void>((resolve) => socket.close(() => resolve()));
  } finally {
    server.close();
  }
});
