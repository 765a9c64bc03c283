// Which name servers of the host are asked.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostResolver, nameServers } from '#app/up/host-resolver.ts';
import { systemClock } from '#base/clock.ts';

test('the nameservers of resolv.conf are asked in order, those that are no address are not', () => {
  const text = '# mine\nsearch example.com\nnameserver 10.0.0.53\nnameserver  fe80::1%eth0\nnameserver none\n';
  assert.deepEqual(
    nameServers(text).map(({ address, port }) => `${address} ${port}`),
    ['10.0.0.53 53', 'fe80::1 53'],
  );
  assert.deepEqual(nameServers('\n'), [{ address: '127.0.0.1', port: 53 }]);
});

test('a change of resolv.conf counts from the next question on', async () => {
  // Loopback addresses where nobody listens: the system refuses at once.
  const configurations = ['nameserver 127.8.8.1', 'nameserver 127.8.8.2'];
  let read = 0;
  const ask = hostResolver(systemClock, () => configurations[read++] ?? '');
  const query = Buffer.from('12340100000100000000000001610000010001', 'hex');
  assert.equal(await ask(query, 'udp'), undefined);
  assert.equal(await ask(query, 'udp'), undefined);
  assert.equal(read, 2);
});
