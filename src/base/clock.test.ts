import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleepFor } from 'node:timers/promises';
import { systemClock } from '#base/clock.ts';

const dayMs = 86_400_000;

test('what is due in a month is not due at once: timers of Node know 24 days', async () => {
  let ran = 0;
  const cancels = [30 * dayMs, Number.POSITIVE_INFINITY].map((delayMs) => systemClock.after(delayMs, () => ran++));
  // Longer than Node would wait instead: a millisecond.
  await sleepFor(20);
  assert.equal(ran, 0);
  for (const cancel of cancels) cancel();
});

test('it is due when it is, and not any more once it is cancelled', ({ mock }) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  const ran: string[] = [];
  const longestMs = 2 ** 31 - 1;
  systemClock.after(60 * dayMs, () => ran.push('60 days'));
  const cancel = systemClock.after(60 * dayMs, () => ran.push('cancelled'));
  systemClock.after(longestMs, () => ran.push('24 days'));
  mock.timers.tick(longestMs);
  assert.deepEqual(ran, ['24 days']);
  cancel();
  mock.timers.tick(longestMs);
  mock.timers.tick(60 * dayMs - 2 * longestMs - 1);
  assert.deepEqual(ran, ['24 days']);
  mock.timers.tick(1);
  assert.deepEqual(ran, ['24 days', '60 days']);
});
