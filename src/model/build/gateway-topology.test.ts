// What is read of the proxies in front of gateways.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { annotatedTopology, readGatewayTopology, type TopologyProblem, topologyWithoutEffect } from '#model/build/gateway-topology.ts';

const of = (gatewayTopology: unknown) => {
  const problems: TopologyProblem[] = [];
  const topology = readGatewayTopology({ gatewayTopology }, problems);
  return { topology, problems: problems.map(({ field, message }) => `${field} ${message}`) };
};

test('trusted proxies and what becomes of client certificates', () => {
  assert.deepEqual(of({ numTrustedProxies: 2, forwardClientCertDetails: 'SANITIZE' }), {
    topology: { numTrustedProxies: 2, forwardClientCert: 'SANITIZE' },
    problems: [],
  });
  assert.deepEqual(of({ forwardClientCertDetails: 'UNDEFINED' }), { topology: {}, problems: [] });
  assert.deepEqual(of(undefined), { topology: undefined, problems: [] });
  assert.equal(readGatewayTopology(undefined, []), undefined);
});

test('values that make no sense are named and do not count', () => {
  assert.deepEqual(of({ numTrustedProxies: -1, forwardClientCertDetails: 'SOMETIMES' }), {
    topology: {},
    problems: [
      'defaultConfig.gatewayTopology.numTrustedProxies must be a whole number from 0 on',
      "defaultConfig.gatewayTopology.forwardClientCertDetails 'SOMETIMES' is none of " +
        'SANITIZE, FORWARD_ONLY, APPEND_FORWARD, SANITIZE_SET, ALWAYS_FORWARD_ONLY',
    ],
  });
  assert.deepEqual(topologyWithoutEffect({ gatewayTopology: { proxyProtocol: {} } }), ['defaultConfig.gatewayTopology.proxyProtocol']);
});

test('a Pod has its own by annotation; one that is no YAML says nothing', () => {
  const annotation = (text: string) => annotatedTopology({ 'proxy.istio.io/config': text });
  assert.deepEqual(annotation('gatewayTopology:\n  numTrustedProxies: 3\n'), { numTrustedProxies: 3 });
  assert.equal(annotation('{ concurrency: 2 }'), undefined);
  assert.equal(annotation('{ not yaml'), undefined);
  assert.equal(annotatedTopology({}), undefined);
});
