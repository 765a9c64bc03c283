import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LoadPlan } from '#app/load/load-plan.ts';
import { type LoadReport, LoadTally } from '#app/load/tally.ts';
import { loadTitle, milliseconds, missedThresholds, progressLine, reportLines } from '#cli/load-report.ts';

const plain = { good: String, bad: String, warn: String, dim: String, strong: String };

const plan: LoadPlan = {
  url: 'http://a/',
  method: 'GET',
  headers: {},
  protocol: 'http1',
  ratePerSecond: 50,
  durationMs: 2500,
  connections: 1,
  timeoutMs: 1000,
  verify: true,
};

/** 98 good answers of 10 ms, one 503 after 200 ms, one reset connection; planned 5 ms before they were sent. */
function report(): LoadReport {
  const tally = new LoadTally();
  const end = (takesMs: number, outcome: Parameters<LoadTally['ended']>[1]): void => {
    tally.due(0);
    tally.sent(0);
    tally.ended({ plannedMs: 0, sentMs: 5, endedMs: takesMs + 5 }, outcome);
  };
  for (let count = 0; count < 98; count++) end(10, { kind: 'answer', label: '200', isGood: true, bytes: 100 });
  end(200, { kind: 'answer', label: '503', isGood: false, bytes: 100 });
  end(1, { kind: 'failure', reason: 'connection reset' });
  return tally.report(2000);
}

void test('a report is counts, then latencies', () => {
  assert.equal(
    reportLines(report(), [], plain),
    [
      'requests  100 due, 100 sent, 99 answered, 49.5/s, 9.9 kB',
      'answers   200: 98',
      '          503: 1',
      'failures  connection reset: 1',
      'errors    2 (2 %)',
      '',
      '          p50     p90     p99     p99.9    max',
      'latency   15 ms   15 ms   15 ms   205 ms   205 ms   from the planned time of sending',
      'service   10 ms   10 ms   10 ms   200 ms   200 ms   from the sending',
    ].join('\n'),
  );
  assert.equal(loadTitle(plan, 'http://a/ as shop'), 'http://a/ as shop: 50 requests/s for 2.5 s, HTTP/1.1, 1 connection');
  assert.equal(progressLine(report(), plan), '2 s of 2.5 s  99 answers  2 errors  p50 15 ms  p99 15 ms');
});

void test('what has to be known before the figures are believed is said', () => {
  const lines = reportLines({ ...report(), isKeptUp: false, waited: 40 }, ['p99 is 2 s; --max-p99 is 1 s'], plain);
  assert.match(lines, /^note: the generator was late/m);
  assert.match(lines, /^note: 40 of 100 requests waited for a connection/m);
  assert.match(lines, /^missed: p99 is 2 s/m);
});

void test('thresholds are missed by more than they say', () => {
  assert.deepEqual(missedThresholds(report(), { maxErrorRate: 0.02, maxP99Ms: 16 }), []);
  assert.deepEqual(missedThresholds(report(), { maxErrorRate: 0.01, maxP99Ms: 14 }), [
    '2 % of errors; --max-error-rate is 1 %',
    'p99 is 15 ms; --max-p99 is 14 ms',
  ]);
  assert.deepEqual(missedThresholds(new LoadTally().report(1), { maxErrorRate: 1 }), ['no request was answered']);
});

void test('times have the figures that matter', () => {
  assert.deepEqual([null, 0.0421, 4.21, 42.1, 421, 4210].map(milliseconds), ['-', '0.04 ms', '4.2 ms', '42 ms', '421 ms', '4.21 s']);
});
