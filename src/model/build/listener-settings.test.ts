import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readListenerSettings } from '#model/build/listener-settings.ts';

test('what MeshConfig says about listeners', () => {
  const problems: { readonly field: string; readonly message: string }[] = [];
  const config = {
    proxyListenPort: 16_001,
    proxyInboundListenPort: 16_006,
    proxyHttpPort: 15_002,
    protocolDetectionTimeout: '5s',
    inboundTrafficPolicy: { mode: 'LOCALHOST' },
    disableEnvoyListenerLog: true,
  };
  assert.deepEqual(readListenerSettings(config, problems), {
    outboundPort: 16_001,
    inboundPort: 16_006,
    httpProxyPort: 15_002,
    detectionTimeoutMs: 5_000,
    inboundToLocalhost: true,
    withoutLog: true,
  });
  assert.deepEqual(problems, []);
});

test('Istio’s defaults say nothing, nor do values that make no sense', () => {
  const problems: { readonly field: string; readonly message: string }[] = [];
  assert.deepEqual(
    readListenerSettings({ proxyHttpPort: 0, protocolDetectionTimeout: '0s', inboundTrafficPolicy: { mode: 'PASSTHROUGH' } }, problems),
    {},
  );
  assert.deepEqual(problems, []);
  const wrong = { proxyListenPort: 'http', proxyHttpPort: 70_000, protocolDetectionTimeout: 5, inboundTrafficPolicy: { mode: 'DROP' } };
  assert.deepEqual(readListenerSettings(wrong, problems), {});
  assert.deepEqual(
    problems.map(({ field }) => field),
    ['proxyListenPort', 'proxyHttpPort', 'protocolDetectionTimeout', 'inboundTrafficPolicy.mode'],
  );
});
