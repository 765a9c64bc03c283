// What is said about settings of Gateways that do nothing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildMesh } from '#model/build/mesh.ts';
import { resourcesOf, snapshotOf } from '#test/support/snapshots.ts';

function findings(protocol: string, tls: string): readonly string[] {
  const text = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge }
spec:
  servers:
    - port: { number: 443, name: p, protocol: ${protocol} }
      hosts: ['*']
      tls: { ${tls} }`;
  const resources = resourcesOf(text);
  assert.equal(resources.length, 1, 'the Gateway is taken');
  const { diagnostics } = buildMesh(snapshotOf(resources));
  return diagnostics.map(({ code, severity, message, at }) => `${code} ${severity} ${at?.line} ${message}`);
}

const said = (message: string): readonly string[] => [`HDL0038 warning 8 Gateway default/edge: ${message}`];
const credential = 'mode: SIMPLE, credentialName: c';

test('settings of a server that have no effect, each with its line', () => {
  assert.deepEqual(findings('HTTP', 'httpsRedirect: true'), []);
  assert.deepEqual(findings('HTTP', 'mode: PASSTHROUGH'), said('tls of a server of protocol HTTP has no effect without httpsRedirect'));
  assert.deepEqual(findings('HTTPS', credential), []);
  assert.deepEqual(
    findings('HTTPS', `${credential}, httpsRedirect: true`),
    said('httpsRedirect has no effect on a server of protocol HTTPS, to which nobody comes without TLS'),
  );
  assert.deepEqual(
    findings('TLS', 'mode: PASSTHROUGH, credentialName: c'),
    said('mode PASSTHROUGH ends no TLS, so that credentialName has no effect'),
  );
  assert.deepEqual(
    findings('HTTPS', `${credential}, subjectAltNames: [a]`),
    said('mode SIMPLE asks clients for no certificate, so that subjectAltNames has no effect'),
  );
  assert.deepEqual(findings('HTTPS', 'mode: MUTUAL, credentialName: c, subjectAltNames: [a]'), []);
  assert.deepEqual(findings('HTTPS', `${credential}, cipherSuites: [AES128-SHA, NONE, AES128-SHA]`), [
    ...said('cipher suites that do not exist are left out: NONE'),
    ...said('cipher suites that stand there twice count once: AES128-SHA'),
  ]);
  assert.deepEqual(
    findings('HTTPS', `${credential}, minProtocolVersion: TLSV1_1`),
    said('TLSV1_1 needs cipher suites that are not among the default ones, so that no client of it can connect'),
  );
});
