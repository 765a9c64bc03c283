import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planRenewal, retryDelayMs } from '#ca/client/renewal.ts';
import { HandClock } from '#test/support/hand-clock.ts';

const hourMs = 3_600_000;

function planned(fromMs: number, toMs: number, random = 0.5) {
  const clock = new HandClock();
  let jumpMs = 0;
  const own = { nowMs: () => clock.nowMs() + jumpMs, monotonicMs: clock.monotonicMs, after: clock.after };
  const startMs = clock.nowMs();
  const plan = planRenewal({ notBeforeMs: startMs + fromMs, notAfterMs: startMs + toMs }, own, () => random);
  return { plan, clock, jump: (byMs: number) => void (jumpMs += byMs) };
}

test('due at half of its life, a hundredth more or less', () => {
  for (const [random, hours] of [
    [0, 12.24],
    [0.5, 12],
    [0.999, 11.76],
  ] as const) {
    const { plan, clock } = planned(0, 24 * hourMs, random);
    clock.advance((hours - 0.02) * hourMs);
    assert.equal(plan.isDue(), false, `${random}`);
    clock.advance(0.04 * hourMs);
    assert.equal(plan.isDue(), true, `${random}`);
  }
});

test('due when the time of day jumps beyond half of its life, or before its beginning', () => {
  for (const byMs of [13 * hourMs, -hourMs]) {
    const { plan, jump } = planned(-60_000, 24 * hourMs);
    assert.equal(plan.isDue(), false);
    jump(byMs);
    assert.equal(plan.isDue(), true);
  }
});

test('where the clocks differ from the beginning, the steady clock alone counts', () => {
  const { plan, clock } = planned(-48 * hourMs, -24 * hourMs);
  assert.equal(plan.clockDiffers, true);
  assert.equal(plan.isDue(), false);
  clock.advance(12 * hourMs);
  assert.equal(plan.isDue(), true);
});

test('retries double up to a limit, never all at the same moment', () => {
  assert.deepEqual(
    [1, 2, 3].map((failures) => retryDelayMs(failures, 'renewing', () => 0)),
    [100, 200, 400],
  );
  assert.equal(
    retryDelayMs(1, 'renewing', () => 1),
    200,
  );
  assert.equal(
    retryDelayMs(1000, 'renewing', () => 1),
    60_000,
  );
  assert.equal(
    retryDelayMs(1000, 'waiting', () => 1),
    5_000,
  );
});
