import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reconnectDelayMs } from '#xds/client/backoff.ts';

test('the first attempt is made at once, later ones wait longer, up to three seconds', () => {
  const longest = [0, 1, 2, 3, 6, 20, 2000].map((failures) => reconnectDelayMs(failures, () => 1));
  assert.deepEqual(longest, [0, 100, 200, 400, 3000, 3000, 3000]);
});

test('half of the wait is chance', () => {
  assert.equal(
    reconnectDelayMs(2, () => 0),
    100,
  );
  assert.equal(
    reconnectDelayMs(2, () => 0.5),
    150,
  );
});
