// The generator on a clock that is moved by hand, with connections that answer when the test says so.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generate } from '#app/load/generator.ts';
import { constantRate } from '#app/load/schedule.ts';
import { LoadTally, type Outcome } from '#app/load/tally.ts';
import { HandClock } from '#test/support/hand-clock.ts';

const good: Outcome = { kind: 'answer', label: '200', isGood: true, bytes: 5 };

/** Each request takes what `takesMs` says of the time at which it is sent. */
function started(options: { readonly rate: number; readonly durationMs: number; readonly connections: number }, takesMs: (atMs: number) => number) {
  const clock = new HandClock();
  const tally = new LoadTally();
  const stop = new AbortController();
  const sentAt: number[] = [];
  let out = 0;
  let isClosed = false;
  const sender = {
    free: () => options.connections - out,
    send: (done: (outcome: Outcome) => void) => {
      out += 1;
      sentAt.push(clock.monotonicMs());
      clock.after(takesMs(clock.monotonicMs()), () => {
        out -= 1;
        done(good);
      });
    },
    close: () => void (isClosed = true),
  };
  const over = generate({ schedule: constantRate(options.rate, options.durationMs), sender, tally, clock, graceMs: 10_000, stop: stop.signal });
  return { clock, tally, stop, sentAt, over, isClosed: () => isClosed };
}

void test('requests are sent at their times, however long answers take', async () => {
  const load = started({ rate: 100, durationMs: 1000, connections: 1000 }, () => 250);
  load.clock.advance(2000);
  assert.equal(await load.over, 990 + 250);
  assert.deepEqual(load.sentAt.slice(0, 4), [0, 10, 20, 30]);
  const report = load.tally.report(1240);
  assert.deepEqual([report.due, report.sent, report.answered, report.errors, report.unfinished], [100, 100, 100, 0, 0]);
  assert.deepEqual(report.statuses, { 200: 100 });
  assert.equal(report.bytes, 500);
  assert.equal(Math.round(report.latencyMs.p99 ?? 0), 250);
  assert.equal(report.isKeptUp, true);
  assert.equal(load.isClosed(), true);
});

void test('a server that stalls for a second shows it, though few requests were sent meanwhile', async () => {
  // One connection; the request that is sent at 1 s takes a second, all others 1 ms.
  const load = started({ rate: 100, durationMs: 4000, connections: 1 }, (atMs) => (atMs >= 1000 && atMs < 1001 ? 1000 : 1));
  load.clock.advance(20_000);
  await load.over;
  const { latencyMs, serviceMs, waited, answered, lagMs } = load.tally.report(4000);
  assert.equal(answered, 400, 'late ones were sent, too');
  // 100 of 400 were due while the server stalled: their latencies spread evenly from nothing to a second.
  assert.ok((latencyMs.p90 ?? 0) > 500, `p90 ${latencyMs.p90}`);
  assert.ok((latencyMs.p99 ?? 0) > 900, `p99 ${latencyMs.p99}`);
  // From the sending it looks as if there had been one slow request.
  assert.ok((serviceMs.p99 ?? 0) < 2, `p99 from the sending ${serviceMs.p99}`);
  assert.equal(Math.round(serviceMs.max ?? 0), 1000);
  assert.ok(waited >= 100, `${waited} waited`);
  assert.equal(lagMs.max, 0.001, 'the generator itself was never late');
});

void test('what cannot be sent by the end counts as an error with the time that it waited', async () => {
  const load = started({ rate: 10, durationMs: 1000, connections: 1 }, () => 4000);
  load.clock.advance(60_000);
  assert.equal(await load.over, 12_000, 'what was under way was waited for');
  const report = load.tally.report(12_000);
  assert.deepEqual([report.due, report.sent, report.answered, report.errors, report.unfinished], [10, 3, 3, 7, 0]);
  assert.deepEqual(report.failures, { 'not sent: all connections were busy': 7 });
  assert.ok((report.latencyMs.max ?? 0) > 10_000);
});

void test('an interrupted load reports what there was', async () => {
  const load = started({ rate: 10, durationMs: 60_000, connections: 100 }, () => 250);
  load.clock.advance(1000);
  load.stop.abort();
  assert.equal(await load.over, 1000);
  const report = load.tally.report(1000);
  assert.deepEqual([report.due, report.answered, report.errors, report.unfinished], [11, 8, 0, 3]);
  load.clock.advance(5000);
  assert.equal(load.sentAt.length, 11);
  assert.equal(load.tally.report(1000).answered, 8, 'answers that come later count no more');
});

void test('a generator that is late says so, and sends what it missed', async () => {
  const clock = new HandClock();
  // A machine so busy that timers come half a second late.
  const late = { monotonicMs: clock.monotonicMs, after: (delayMs: number, run: () => void) => clock.after(delayMs + 500, run) };
  const tally = new LoadTally();
  let sent = 0;
  const sender = {
    free: () => 10,
    send: (done: (outcome: Outcome) => void) => {
      sent += 1;
      done(good);
    },
    close: () => {},
  };
  const over = generate({ schedule: constantRate(100, 2000), sender, tally, clock: late, graceMs: 1000, stop: new AbortController().signal });
  clock.advance(10_000);
  await over;
  assert.equal(sent, 200);
  const report = tally.report(2000);
  assert.equal(report.isKeptUp, false);
  assert.ok((report.lagMs.max ?? 0) >= 500);
  assert.ok((report.latencyMs.max ?? 0) >= 500, 'its own lateness is in the latencies');
});
