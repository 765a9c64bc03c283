// What becomes of connections that leave the mesh: carried, refused or failed, and what is told of it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { test } from 'node:test';
import { type EgressEvent, EgressRelay, type EgressRelayOptions } from '#app/up/egress-relay.ts';
import { failed, ok } from '#base/result.ts';
import { HandClock } from '#test/support/hand-clock.ts';

const outside = { address: '93.184.216.34', port: 443, restored: true };

async function withRelay(
  options: Partial<EgressRelayOptions>,
  run: (call: () => Socket, told: readonly EgressEvent[], clock: HandClock) => Promise<void>,
): Promise<void> {
  const told: EgressEvent[] = [];
  const clock = new HandClock();
  await using relay = new EgressRelay({
    egress: 'none',
    host: { connect: async () => failed({ code: 'ECONNREFUSED', reason: 'connect ECONNREFUSED 93.184.216.34:443' }) },
    destinationOf: () => outside,
    podAt: () => 'reviews-v1.default',
    emit: (event) => told.push(event),
    clock,
    ...options,
  });
  const port = await relay.listen('127.0.0.1');
  const call = (): Socket => connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  await run(call, told, clock);
}

async function resetOf(socket: Socket): Promise<string | undefined> {
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  return error.code;
}

test('without a way out a connection is reset at once, and told of now and then with how many there were', async () => {
  await withRelay({}, async (call, told, clock) => {
    for (let turn = 0; turn < 3; turn++) assert.equal(await resetOf(call()), 'ECONNRESET');
    assert.deepEqual(told, [
      { kind: 'egress refused', from: 'reviews-v1.default', to: '93.184.216.34:443', count: 1, reason: '--egress host allows it' },
    ]);
    clock.advance(30_001);
    await resetOf(call());
    assert.equal(told[1]?.count, 3);
  });
});

test('with a way out bytes go both ways, and each end of them by itself', async () => {
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.write('220 ready\r\n');
    let got = '';
    socket.setEncoding('utf8').on('data', (text: string) => (got += text));
    socket.on('end', () => socket.end(`got ${got}`));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
  const wanted: string[] = [];
  const host: EgressRelayOptions['host'] = {
    connect: async (address, to) => {
      wanted.push(`${address}:${to}`);
      const socket = connect({ port, host: '127.0.0.1' });
      socket.pause();
      await once(socket, 'connect');
      return ok(socket);
    },
  };
  try {
    await withRelay({ egress: 'host', host }, async (call, told) => {
      const socket = call();
      socket.end('hello');
      let answer = '';
      for await (const chunk of socket) answer += String(chunk);
      assert.equal(answer, '220 ready\r\ngot hello');
      assert.deepEqual(wanted, ['93.184.216.34:443']);
      assert.deepEqual(told, []);
    });
  } finally {
    server.close();
  }
});

test('a host that does not answer resets the connection, and says why', async () => {
  await withRelay({ egress: 'host', podAt: () => undefined }, async (call, told) => {
    assert.equal(await resetOf(call()), 'ECONNRESET');
    assert.deepEqual(told, [
      { kind: 'egress failed', from: '127.0.0.1', to: '93.184.216.34:443', count: 1, reason: 'connect ECONNREFUSED 93.184.216.34:443' },
    ]);
  });
});

test('who calls the relay itself is sent nowhere', async () => {
  const itself: EgressRelayOptions['destinationOf'] = ({ localAddress = '', localPort = 0 }) => ({
    address: localAddress,
    port: localPort,
    restored: true,
  });
  await withRelay({ egress: 'host', destinationOf: itself }, async (call, told) => {
    assert.equal(await resetOf(call()), 'ECONNRESET');
    assert.deepEqual(told, []);
  });
});
