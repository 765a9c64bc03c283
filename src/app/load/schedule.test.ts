import assert from 'node:assert/strict';
import { test } from 'node:test';
import { constantRate } from '#app/load/schedule.ts';

void test('requests are a step apart, the first at once, all within the duration', () => {
  const { total, plannedMs, dueBy } = constantRate(100, 1000);
  assert.equal(total, 100);
  assert.deepEqual([0, 1, 99].map(plannedMs), [0, 10, 990]);
  assert.deepEqual([-1, 0, 9.99, 10, 25, 990, 5000].map(dueBy), [0, 1, 1, 2, 3, 100, 100]);
});

void test('each request is due at its planned time, whatever the rate', () => {
  for (const rate of [0.1, 3, 7, 333.3, 9999]) {
    const { plannedMs, dueBy, total } = constantRate(rate, 20_000);
    for (let index = 0; index < Math.min(total, 2000); index++) {
      assert.equal(dueBy(plannedMs(index)), index + 1, `request ${index} at ${rate}/s`);
      if (index > 0) assert.equal(dueBy(plannedMs(index) - 1e-6), index, `before request ${index} at ${rate}/s`);
    }
  }
});

void test('a rate of less than one for its duration is one request', () => {
  assert.equal(constantRate(0.1, 1000).total, 1);
});
