import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackOff } from '#runtime/back-off.ts';

test('restarts at once, then waits 1 s and twice as long each time, up to a minute', () => {
  const backOff = new BackOff();
  assert.deepEqual(
    Array.from({ length: 9 }, () => backOff.next(10)),
    [0, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000],
  );
});

test('a long run ends the series', () => {
  const backOff = new BackOff();
  backOff.next(10);
  backOff.next(10);
  assert.equal(backOff.next(60_000), 0);
  assert.equal(backOff.next(10), 1_000);
});
