import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { mayRetry } from '#decide/circuit-limits.ts';
import { Problems } from '#decide/config-error.ts';
import { OutlierDetector, OutlierHost } from '#decide/outlier.ts';
import { compileOutlier } from '#decide/outlier-entry.ts';
import { compileStatusRanges } from '#decide/status-ranges.ts';
import { OutlierDetectionSchema } from '#envoy/gen/envoy/config/cluster/v3/outlier_detection_pb.js';
import { MatchPredicateSchema } from '#envoy/gen/envoy/config/common/matcher/v3/matcher_pb.js';

function detectorOf(json: JsonObject, hostCount: number) {
  const problems = new Problems('test');
  const entry = compileOutlier(fromJson(OutlierDetectionSchema, { max_ejection_percent: 100, ...json }), 'outlier_detection', problems);
  assert.deepEqual(problems.errors, []);
  const clock = { nowMs: 0 };
  const log: string[] = [];
  let changes = 0;
  const detector = new OutlierDetector(
    entry,
    () => 0,
    () => clock.nowMs,
    { onChange: () => changes++, onDetected: (type, outcome) => log.push(`${type} ${outcome}`) },
  );
  const hosts = Array.from({ length: hostCount }, () => new OutlierHost());
  for (const host of hosts) detector.add(host);
  const first = hosts[0] ?? new OutlierHost();
  return { detector, hosts, first, log, clock, changes: () => changes };
}

test('an ejection lasts its base time, then twice as long, and less again after a calm interval', () => {
  const { detector, first, clock, changes } = detectorOf({ consecutive_5xx: 2, base_ejection_time: '30s', interval: '10s' }, 2);
  const fail = (): void => {
    for (let answer = 0; answer < 2; answer++) detector.onAnswer(first, 500);
  };
  const returnsAfter = (): number => {
    const from = clock.nowMs;
    while (first.ejected) {
      clock.nowMs += 10_000;
      detector.onInterval();
    }
    return clock.nowMs - from;
  };
  fail();
  assert.equal(first.ejected, true);
  assert.equal(returnsAfter(), 30_000);
  fail();
  // The interval in which it came back was one without an ejection: the factor fell by one, and rises again.
  assert.equal(returnsAfter(), 30_000);
  fail();
  first.backOff = 3;
  assert.equal(returnsAfter(), 90_000);
  assert.equal(changes(), 6);
});

test('an ejection never lasts longer than the maximum', () => {
  const { detector, first, clock } = detectorOf({ consecutive_5xx: 1, base_ejection_time: '30s', max_ejection_time: '40s' }, 1);
  detector.onAnswer(first, 500);
  first.backOff = 50;
  clock.nowMs = 39_999;
  detector.onInterval();
  assert.equal(first.ejected, true);
  clock.nowMs = 40_000;
  detector.onInterval();
  assert.equal(first.ejected, false);
});

test('a host that comes back begins to count anew', () => {
  const { detector, first, clock } = detectorOf(
    { consecutive_5xx: 3, consecutive_gateway_failure: 2, enforcing_consecutive_gateway_failure: 100 },
    1,
  );
  detector.onAnswer(first, 503);
  detector.onAnswer(first, 503);
  assert.equal(first.ejected, true);
  clock.nowMs = 30_000;
  detector.onInterval();
  detector.onAnswer(first, 500);
  assert.equal(first.ejected, false);
  assert.deepEqual([first.consecutive5xx, first.consecutiveGatewayFailure], [1, 0]);
});

test('failures of its own origin and the other kind', () => {
  const together = detectorOf({ consecutive_5xx: 2 }, 1);
  together.detector.onLocal(together.first, 'connect-failed');
  together.detector.onLocal(together.first, 'connected');
  together.detector.onLocal(together.first, 'timeout');
  assert.equal(together.first.ejected, true, 'a connection alone is no success');
  const apart = detectorOf({ consecutive_5xx: 2, consecutive_local_origin_failure: 2, split_external_local_origin_errors: true }, 1);
  apart.detector.onLocal(apart.first, 'connect-failed');
  apart.detector.onLocal(apart.first, 'connected');
  apart.detector.onLocal(apart.first, 'timeout');
  assert.equal(apart.first.ejected, false, 'here it is');
  apart.detector.onLocal(apart.first, 'timeout');
  assert.deepEqual(apart.log, ['consecutive_local_origin_failure ejected']);
});

test('the rate of success is compared with that of the others', () => {
  const { detector, hosts, log } = detectorOf({ consecutive_5xx: 0, success_rate_request_volume: 10 }, 6);
  for (const [index, host] of hosts.entries()) {
    for (let answer = 0; answer < 20; answer++) detector.onAnswer(host, index === 0 && answer % 2 === 0 ? 500 : 200);
  }
  detector.onInterval();
  assert.deepEqual([log, hosts.map(({ ejected }) => ejected).filter(Boolean).length, hosts[0]?.ejected], [['success_rate ejected'], 1, true]);
  detector.onInterval();
  assert.equal(log.length, 1, 'each interval counts for itself');
});

test('too few hosts or requests are not compared', () => {
  for (const [count, volume] of [
    [4, 20],
    [6, 9],
  ] as const) {
    const { detector, hosts, log } = detectorOf({ consecutive_5xx: 0, success_rate_request_volume: 10 }, count);
    for (const [index, host] of hosts.entries()) for (let answer = 0; answer < volume; answer++) detector.onAnswer(host, index === 0 ? 500 : 200);
    detector.onInterval();
    assert.deepEqual(log, []);
  }
});

test('a fixed percentage of failures ejects where that is enforced', () => {
  const settings = { consecutive_5xx: 0, enforcing_success_rate: 0, enforcing_failure_percentage: 100, failure_percentage_threshold: 50 };
  const { detector, hosts, log } = detectorOf({ ...settings, success_rate_minimum_hosts: 99 }, 5);
  for (const [index, host] of hosts.entries())
    for (let answer = 0; answer < 50; answer++) detector.onAnswer(host, index < 2 && answer % 2 === 0 ? 500 : 200);
  detector.onInterval();
  assert.deepEqual(log, ['failure_percentage ejected', 'failure_percentage ejected']);
});

test('a maximum below the base time is a mistake', () => {
  const problems = new Problems('test');
  compileOutlier(fromJson(OutlierDetectionSchema, { base_ejection_time: '30s', max_ejection_time: '10s' }), 'outlier_detection', problems);
  assert.deepEqual(
    problems.errors.map(({ field }) => field),
    ['outlier_detection.max_ejection_time'],
  );
});

test('a retry budget is a part of the requests, never less than its minimum', () => {
  const usage = (requests: number, pendingRequests: number, retries: number) => ({ requests, pendingRequests, retries });
  const budget = { maxRetries: 0, retryBudget: { percent: 20, minConcurrency: 3 } };
  assert.deepEqual(
    [usage(0, 0, 2), usage(0, 0, 3), usage(15, 10, 4), usage(15, 10, 5)].map((now) => mayRetry(budget, now)),
    [true, false, true, false],
  );
  assert.deepEqual([mayRetry({ maxRetries: 1 }, usage(9, 9, 0)), mayRetry({ maxRetries: 1 }, usage(9, 9, 1))], [true, false]);
});

test('statuses that a cluster says are errors count as errors, all others as successes, gRPC statuses and failures to connect as ever', () => {
  const problems = new Problems('test');
  const predicate = fromJson(MatchPredicateSchema, {
    or_match: {
      rules: [
        { http_response_headers_match: { headers: [{ name: ':status', string_match: { exact: '404' } }] } },
        { not_match: { any_match: true } },
      ],
    },
  });
  const statuses = compileStatusRanges(predicate, 'error_matcher', problems);
  assert.deepEqual(statuses, [{ from: 404, to: 404 }]);
  const entry = compileOutlier(
    fromJson(OutlierDetectionSchema, { consecutive_5xx: 2, max_ejection_percent: 100 }),
    'outlier_detection',
    problems,
    statuses,
  );
  const detector = new OutlierDetector(
    entry,
    () => 0,
    () => 0,
    { onChange: () => {}, onDetected: () => {} },
  );
  const ejectedBy = (...reports: ((host: OutlierHost) => void)[]): boolean => {
    const host = new OutlierHost();
    detector.add(host);
    for (const report of reports) report(host);
    return host.ejected;
  };
  const answer = (status: number) => (host: OutlierHost) => detector.onAnswer(host, status);
  assert.equal(ejectedBy(answer(404), answer(404)), true);
  assert.equal(ejectedBy(answer(503), answer(503)), false);
  assert.equal(ejectedBy(answer(404), answer(503), answer(404)), false);
  assert.equal(
    ejectedBy(
      (host) => detector.onStatus(host, 503),
      (host) => detector.onLocal(host, 'connect-failed'),
    ),
    true,
  );
});

test('a matcher of errors that looks at anything but the status is a problem', () => {
  const problems = new Problems('test');
  const other = { http_response_headers_match: { headers: [{ name: 'x-sick', present_match: true }] } };
  const request = { http_request_headers_match: { headers: [{ name: ':path', present_match: true }] } };
  compileStatusRanges(fromJson(MatchPredicateSchema, { and_match: { rules: [other, request] } }), 'error_matcher', problems);
  assert.deepEqual(
    problems.errors.map(({ field }) => field),
    ['error_matcher.and_match.rules[0].http_response_headers_match.headers[0].name', 'error_matcher.and_match.rules[1]'],
  );
});
