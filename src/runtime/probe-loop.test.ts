import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '#base/clock.ts';
import type { ProbeOutcome } from '#runtime/probe.ts';
import { startProbeLoop } from '#runtime/probe-loop.ts';

const good: ProbeOutcome = { ok: true };
const bad: ProbeOutcome = { ok: false, reason: 'no' };

/** Runs the answers through a loop with a clock that is driven by hand; gives the changes and the waits. */
async function play(answers: readonly ProbeOutcome[], startsWell: boolean, probe = {}): Promise<{ changes: string[]; waits: number[] }> {
  const changes: string[] = [];
  const waits: number[] = [];
  let next: (() => void) | undefined;
  const clock: Clock = {
    nowMs: () => 0,
    monotonicMs: () => 0,
    after: (delayMs, run) => {
      waits.push(delayMs);
      next = run;
      return () => (next = undefined);
    },
  };
  const left = [...answers];
  const end = startProbeLoop({
    probe,
    clock,
    startsWell,
    ask: async () => left.shift() ?? good,
    onChange: (well, reason) => changes.push(well ? `well after ${answers.length - left.length}` : `${reason} after ${answers.length - left.length}`),
  });
  while (left.length > 0) {
    const run = next;
    assert.ok(run !== undefined);
    next = undefined;
    run();
    await new Promise((resolve) => setImmediate(resolve));
  }
  end();
  assert.equal(next, undefined);
  return { changes, waits };
}

test('readiness: asked every 100 ms until the first success, then each period; three failures in a row end it', async () => {
  const { changes, waits } = await play([bad, bad, good, bad, bad, good, bad, bad, bad, good], false, { periodSeconds: 2, initialDelaySeconds: 1 });
  assert.deepEqual(changes, ['well after 3', 'no after 9', 'well after 10']);
  assert.deepEqual(waits, [1_000, 100, 100, 2_000, 2_000, 2_000, 2_000, 2_000, 2_000, 2_000, 2_000]);
});

test('thresholds of the probe count', async () => {
  const { changes } = await play([good, good, bad, good, good, good], false, { successThreshold: 3, failureThreshold: 1 });
  assert.deepEqual(changes, ['well after 6']);
});

test('liveness starts well and is asked each period from the start', async () => {
  const { changes, waits } = await play([bad, bad, bad], true);
  assert.deepEqual(changes, ['no after 3']);
  assert.deepEqual(waits, [0, 10_000, 10_000, 10_000]);
});
