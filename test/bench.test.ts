import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge, median, percentile, round } from '#bench/bench.ts';
import { readReport } from '#bench/load.ts';
import { cpuMicroseconds, residentMegabytes } from '#bench/process-usage.ts';
import { formatTable } from '#bench/table.ts';

test('reads what wrk reports, errors included', () => {
  const report = [
    'Running 5s test @ http://127.0.0.1:1234/',
    '  Latency Distribution',
    '     50%  770.00us',
    '     75%    1.20ms',
    '     99%    1.02s ',
    '  187470 requests in 5.00s, 222.00MB read',
    '  Socket errors: connect 0, read 1, write 2, timeout 3',
    '  Non-2xx or 3xx responses: 4',
    'Requests/sec:  37494.12',
  ].join('\n');
  assert.deepEqual(readReport(report), { requests: 187470, requestsPerSecond: 37494.12, p50Ms: 0.77, p99Ms: 1020, failed: 10 });
});

test('percentiles are figures that were measured', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(percentile([...Array(100).keys()], 0.99), 98);
  assert.ok(Number.isNaN(percentile([], 0.5)));
});

test('a figure is judged by its target', () => {
  assert.equal(judge('ratio', 0.6349, 0.8, ' x'), 'ratio: 0.635 x, target <= 0.8 x: met');
  assert.match(judge('ratio', 0.81, 0.8), /MISSED/);
  assert.equal(round(123456.7), '123457');
});

test('tables are padded', () => {
  assert.equal(formatTable({ columns: ['a', 'ms'], rows: [['long', '1']], notes: ['note'] }), 'a     ms\n----  --\nlong   1\nnote');
});

test('a process that works uses CPU time and memory', { skip: process.platform === 'linux' ? false : 'needs /proc' }, () => {
  const before = cpuMicroseconds(process.pid);
  for (const until = performance.now() + 60; performance.now() < until; );
  assert.ok(cpuMicroseconds(process.pid) - before >= 10_000);
  assert.ok(residentMegabytes(process.pid).current > 10);
});
