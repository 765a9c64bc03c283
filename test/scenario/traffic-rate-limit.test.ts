// examples/traffic/rate-limit: each user has searches of his own, the fourth is refused, and so is a large body.
import assert from 'node:assert/strict';
import { inEachNetwork } from '#test/scenario/own-network.ts';
import { example } from '#test/scenario/up.ts';

const host = 'shop.example.com';

inEachNetwork('rate limit: a user who has had his share is told when to come back, another is served', async (start) => {
  await using up = await start({ path: example('traffic/rate-limit') });
  const search = (user: string) => up.call(host, '/search?q=1', { 'x-user': user });
  const remaining = [];
  for (let turn = 0; turn < 3; turn += 1) {
    const { status, headers } = await search('ann');
    assert.equal(status, 200);
    remaining.push(headers['x-ratelimit-remaining']);
  }
  assert.deepEqual(remaining, ['2', '1', '0']);
  const refused = await search('ann');
  assert.equal(refused.status, 429);
  assert.equal(refused.headers['retry-after'], '20');
  assert.equal(refused.headers['x-ratelimit-limit'], '3');
  assert.equal((await search('bob')).status, 200);
  const { headers } = await up.call(host, '/');
  assert.equal(headers['x-ratelimit-limit'], undefined);
});
