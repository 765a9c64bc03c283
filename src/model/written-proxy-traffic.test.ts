import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mergeTraffic } from '#model/proxy-traffic.ts';
import { readProxyTraffic, type TrafficProblem } from '#model/written-proxy-traffic.ts';

test('headers and limits of a ProxyConfig are read field by field', () => {
  const problems: TrafficProblem[] = [];
  const read = readProxyTraffic(
    {
      concurrency: 2,
      proxyHeaders: {
        server: { disabled: true, value: 'unused' },
        attemptCount: { disabled: true },
        forwardedClientCert: 'ALWAYS_FORWARD_ONLY',
        setCurrentClientCertDetails: { uri: false },
        preserveHttp1HeaderCase: true,
      },
      connectionSettings: { profile: 'EDGE', httpIdleTimeout: '1h', httpMaxConcurrentStreams: 7, httpPathWithEscapedSlashesAction: 'REJECT_REQUEST' },
    },
    problems,
  );
  assert.deepEqual(problems, []);
  assert.deepEqual(read, {
    headers: { server: '', attemptCount: false, forwardClientCert: 'ALWAYS_FORWARD_ONLY', clientCertDetails: { uri: false }, preserveCase: true },
    limits: { edge: true, idleTimeoutMs: 3_600_000, maxConcurrentStreams: 7, escapedSlashes: 'REJECT_REQUEST' },
  });
  assert.equal(readProxyTraffic({ concurrency: 2, proxyHeaders: {} }, problems), undefined);
});

test('what makes no sense is named, and counts as not there', () => {
  const problems: TrafficProblem[] = [];
  const written = {
    proxyHeaders: { server: 'envoy', requestId: { disabled: 'yes' }, forwardedClientCert: 'SOMETIMES' },
    connectionSettings: { httpIdleTimeout: 5, httpMaxConcurrentStreams: 0, http2InitialStreamWindowSize: 1000, httpMergeSlashes: 1 },
  };
  assert.equal(readProxyTraffic(written, problems), undefined);
  assert.deepEqual(
    problems.map(({ field, message }) => `${field.replace('defaultConfig.', '')} ${message}`),
    [
      'proxyHeaders.server must be an object',
      'proxyHeaders.requestId.disabled must be true or false',
      "proxyHeaders.forwardedClientCert 'SOMETIMES' is none of SANITIZE, FORWARD_ONLY, APPEND_FORWARD, SANITIZE_SET, ALWAYS_FORWARD_ONLY",
      'connectionSettings.httpIdleTimeout must be a duration such as 30s',
      'connectionSettings.httpMaxConcurrentStreams must be a whole number from 1 on',
      'connectionSettings.http2InitialStreamWindowSize must be a whole number from 65535 on',
      'connectionSettings.httpMergeSlashes must be true or false',
    ],
  );
});

test('what a Pod says stands over what the mesh says, field by field', () => {
  const ofMesh = { headers: { server: 'mesh', clientCertDetails: { cert: true } }, limits: { idleTimeoutMs: 1 } };
  const merged = mergeTraffic(ofMesh, { headers: { attemptCount: false, clientCertDetails: { dns: false } } });
  assert.deepEqual(merged, {
    headers: { server: 'mesh', attemptCount: false, clientCertDetails: { cert: true, dns: false } },
    limits: { idleTimeoutMs: 1 },
  });
  assert.equal(mergeTraffic(undefined, undefined), undefined);
});
