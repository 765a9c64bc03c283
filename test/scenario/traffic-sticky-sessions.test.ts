// examples/traffic/sticky-sessions: who comes back finds the same replica, known by a cookie or by a header, and the same one on both data planes.
import assert from 'node:assert/strict';
import { inEachNetwork } from '#test/scenario/own-network.ts';
import { example } from '#test/scenario/up.ts';

const carts = { path: example('traffic/sticky-sessions') };

const replicaOf = (body: string): string => body.split(' ')[0] ?? '';

inEachNetwork('sticky sessions: a cookie leads back to the replica that gave it', async (start) => {
  await using up = await start(carts);
  const first = await up.call('by-cookie.example.com', '/');
  const cookie = first.headers['set-cookie'] ?? '';
  assert.match(cookie, /^cart="[0-9a-f]{16}"; Max-Age=3600; Path=\/; HttpOnly$/);
  for (let visit = 0; visit < 6; visit++) {
    const { body, headers } = await up.call('by-cookie.example.com', '/', { cookie: cookie.split(';')[0] ?? '' });
    assert.equal(replicaOf(body), replicaOf(first.body));
    assert.equal(headers['set-cookie'], undefined);
  }
});

inEachNetwork('sticky sessions: a user meets one replica, users meet them all', async (start) => {
  await using up = await start(carts);
  const users = Array.from({ length: 20 }, (_, user) => `user-${user}`);
  const visit = async () => Promise.all(users.map(async (user) => replicaOf((await up.call('by-user.example.com', '/', { 'x-user': user })).body)));
  const met = await visit();
  assert.deepEqual(await visit(), met);
  assert.deepEqual([...new Set(met)].sort(), ['cart-0', 'cart-1', 'cart-2']);
});

inEachNetwork('sticky sessions: elsewhere the replicas take turns', async (start) => {
  await using up = await start(carts);
  const met = [];
  for (let visit = 0; visit < 6; visit++) met.push(replicaOf((await up.call('any.example.com', '/')).body));
  assert.equal(new Set(met.slice(0, 3)).size, 3, met.join());
  assert.deepEqual(met.slice(3), met.slice(0, 3));
});
