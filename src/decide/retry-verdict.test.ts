import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { Problems } from '#decide/config-error.ts';
import { formatGrpcTimeout, parseGrpcTimeout } from '#decide/grpc-timeout.ts';
import { expectedMs } from '#decide/request-timeouts.ts';
import { compileRetry, type RetryEntry } from '#decide/retry.ts';
import { askedBackOffMs, backOffMs, retriesEnd, retriesResponse, retryFor } from '#decide/retry-verdict.ts';
import { RetryPolicySchema } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import { requestView } from '#test/support/views.ts';

function policyOf(json: JsonObject): RetryEntry {
  const problems = new Problems('test');
  const entry = compileRetry(fromJson(RetryPolicySchema, json), 'retry', problems);
  assert.deepEqual(problems.errors, []);
  return entry;
}

test('each condition covers its failures and no others', () => {
  const covers = (retry_on: string, status: number, headers: readonly string[] = [], more: JsonObject = {}) =>
    retriesResponse(policyOf({ retry_on, ...more }), { status, headers });
  assert.deepEqual(
    [499, 500, 599, 600].map((status) => covers('5xx', status)),
    [false, true, true, false],
  );
  assert.deepEqual(
    [501, 502, 504, 505].map((status) => covers('gateway-error', status)),
    [false, true, true, false],
  );
  assert.deepEqual(
    [408, 409].map((status) => covers('retriable-4xx', status)),
    [false, true],
  );
  assert.equal(covers('retriable-status-codes', 418, [], { retriable_status_codes: [418] }), true);
  assert.equal(covers('retriable-headers', 200, ['x-a', '1'], { retriable_headers: [{ name: 'x-a' }] }), true);
  assert.equal(covers('unavailable', 200, ['grpc-status', '14']), true);
  assert.equal(covers('unavailable', 200, ['grpc-status', '4']), false);
  assert.equal(covers('5xx', 503, ['x-envoy-ratelimited', 'true']), false);
  assert.equal(covers('5xx,envoy-ratelimited', 429, ['x-envoy-ratelimited', 'true']), true);
});

test('what ends before an answer is retried as the policy says, a full cluster never', () => {
  const ends = ['overflow', 'not-connected', 'refused', 'reset', 'timeout'] as const;
  const covered = (retry_on: string) => ends.filter((end) => retriesEnd(policyOf({ retry_on }), end));
  assert.deepEqual(covered('reset'), ['not-connected', 'refused', 'reset', 'timeout']);
  assert.deepEqual(covered('connect-failure'), ['not-connected']);
  assert.deepEqual(covered('reset-before-request'), ['not-connected']);
  assert.deepEqual(covered('refused-stream'), ['refused']);
  assert.deepEqual(covered('unavailable'), []);
});

test('back-off doubles up to its most, and a response may ask for its own', () => {
  const policy = policyOf({ retry_on: '5xx', retry_back_off: { base_interval: '0.1s', max_interval: '0.3s' } });
  assert.deepEqual(
    [1, 2, 3, 9].map((attempt) => backOffMs(policy, attempt, 1)),
    [100, 200, 300, 300],
  );
  const asking = policyOf({
    retry_on: '5xx',
    rate_limited_retry_back_off: { reset_headers: [{ name: 'Retry-After' }, { name: 'x-at', format: 'UNIX_TIMESTAMP' }], max_interval: '60s' },
  });
  const asked = (...headers: readonly string[]) => askedBackOffMs(asking, { status: 503, headers }, 1_000_000, 0.5);
  assert.deepEqual(
    [asked('retry-after', '2'), asked('x-at', '1010'), asked('retry-after', '61'), asked('retry-after', 'soon')],
    [2500, 12_500, undefined, undefined],
  );
});

test('headers ask for retries only where they are heeded, and some requests are never retried', () => {
  const request = requestView('/', { headers: { 'x-envoy-retry-on': '5xx', 'x-envoy-max-retries': '7', 'x-envoy-retriable-status-codes': '418' } });
  assert.equal(retryFor(undefined, request, false), undefined);
  const asked = retryFor(undefined, request, true);
  assert.deepEqual([asked?.numRetries, [...(asked?.on ?? [])], [...(asked?.retriableStatusCodes ?? [])]], [7, ['5xx'], [418]]);
  const only = policyOf({ retry_on: '5xx', retriable_request_headers: [{ name: 'x-twice' }] });
  assert.equal(retryFor(only, request, false), undefined);
  assert.equal(retryFor(only, requestView('/', { headers: { 'x-twice': '1' } }), false), only);
});

test('gRPC timeouts are read in every unit, rounded up, and written so that they fit', () => {
  const read = ['3S', '50m', '1500u', '1n', '2M', '1H', '123456789S', '5', 'x', undefined].map(parseGrpcTimeout);
  assert.deepEqual(read, [3000, 50, 2, 1, 120_000, 3_600_000, undefined, undefined, undefined, undefined]);
  assert.deepEqual([150, 99_999_999, 100_000_000, 1e12].map(formatGrpcTimeout), ['150m', '99999999m', '100000S', '16666666M']);
});

test('an upstream is told the least of what a try and the whole have left', () => {
  const timeouts = { responseMs: 1000, perTryMs: 300, perTryIdleMs: 0, streamMs: undefined, setsGrpcTimeout: false };
  assert.deepEqual(
    [0, 800, 1200].map((spent) => expectedMs(timeouts, spent)),
    [300, 200, 1],
  );
  assert.equal(expectedMs({ ...timeouts, responseMs: 0, perTryMs: 0 }, 5), 0);
});
