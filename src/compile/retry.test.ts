import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inboundRetryPolicy, retryPolicy } from '#compile/retry.ts';

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

void test('another locality is tried where that is asked for; one endpoint for one key keeps its retries there', () => {
  assert.equal(retryPolicy({ attempts: 1, remoteLocalities: true })?.retryPriority?.name, 'envoy.retry_priorities.previous_priorities');
  assert.deepEqual(retryPolicy(undefined, { staysOnHost: true })?.retryHostPredicate, []);
  assert.equal(retryPolicy({ attempts: 1, ignorePreviousHosts: true }, { staysOnHost: true })?.retryHostPredicate.length, 1);
});

void test('towards the app only what the app has not seen is sent again, unless the mesh says otherwise', () => {
  const usual = inboundRetryPolicy(undefined);
  assert.equal(usual?.retryOn, 'reset-before-request');
  assert.equal(usual.numRetries, 2);
  assert.equal(inboundRetryPolicy({ attempts: 0 }), undefined);
  const own = inboundRetryPolicy({ attempts: 1, retryOn: '503', perTryTimeoutMs: 10, remoteLocalities: true });
  assert.equal(own?.retryOn, 'retriable-status-codes');
  assert.equal(own.perTryTimeout, undefined);
  assert.equal(own.retryPriority, undefined);
});
