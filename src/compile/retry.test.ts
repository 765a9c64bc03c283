import assert from 'node:assert/strict';
import { test } from 'node:test';
import { retryPolicy } from '#compile/retry.ts';

void test("without a policy Istio's holds: two retries, on other hosts, never for what may have been done", () => {
  const policy = retryPolicy(undefined);
  assert.equal(policy?.numRetries, 2);
  assert.equal(policy.retryOn, 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes');
  assert.deepEqual(policy.retriableStatusCodes, []);
  assert.equal(policy.hostSelectionRetryMaxAttempts, 5n);
  assert.equal(policy.retryHostPredicate.length, 1);
});

void test('no attempts: no policy', () => {
  assert.equal(retryPolicy({ attempts: 0 }), undefined);
});

void test('numbers among the conditions are status codes, and bring their condition along once', () => {
  const policy = retryPolicy({ attempts: 3, retryOn: '503, gateway-error,,429' });
  assert.equal(policy?.retryOn, 'gateway-error,retriable-status-codes');
  assert.deepEqual(policy.retriableStatusCodes, [503, 429]);
  assert.equal(retryPolicy({ attempts: 1, retryOn: 'retriable-status-codes,500' })?.retryOn, 'retriable-status-codes');
});

void test('hosts that were tried may be tried again where that is asked for', () => {
  assert.deepEqual(retryPolicy({ attempts: 1, ignorePreviousHosts: false })?.retryHostPredicate, []);
});
