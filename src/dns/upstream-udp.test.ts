import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { decode, encode } from 'dns-packet';
import { systemClock } from '#base/clock.ts';
import { UdpUpstream } from '#dns/upstream-udp.ts';

const query = encode({ type: 'query', id: 1, questions: [{ name: 'a.example', type: 'A' }] });

/** Answers each question that `answers` is true for, counted from 1; tells the ports that they came from. */
async function nameServer(
  answers: (count: number) => boolean,
): Promise<{ readonly socket: Socket; readonly ports: readonly number[]; readonly port: number }> {
  const socket = createSocket('udp4');
  const ports: number[] = [];
  socket.on('message', (message, { port, address }) => {
    ports.push(port);
    if (answers(ports.length)) socket.send(encode({ ...decode(message), type: 'response' }), port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { socket, ports, port: socket.address().port };
}

suite('a network that comes and goes', () => {
  test('a server that there is no way to is asked anew each time, and the kernel says why', async () => {
    // Nobody may send to all without having asked for it: there is no way, as on a machine without a network.
    const upstream = new UdpUpstream({ server: { address: '255.255.255.255', port: 53 }, clock: systemClock, randomId: () => 7, timeoutMs: 500 });
    for (let tries = 0; tries < 2; tries++) {
      const answer = await upstream.ask(query);
      assert.ok(!answer.ok);
      assert.match(answer.error, /connect EACCES/);
    }
    upstream.close();
  });

  test('after a question without an answer the next one has a socket of its own: the address of this machine may be another one by then', async () => {
    const server = await nameServer((count) => count > 1);
    const upstream = new UdpUpstream({ server: { address: '127.0.0.1', port: server.port }, clock: systemClock, randomId: () => 7, timeoutMs: 30 });
    assert.equal((await upstream.ask(query)).ok, false);
    assert.equal((await upstream.ask(query)).ok, true);
    assert.equal((await upstream.ask(query)).ok, true);
    upstream.close();
    server.socket.close();
    const [first, second, third] = server.ports;
    assert.notEqual(first, second);
    assert.equal(second, third);
  });
});
