// What is read of the proxies in front of gateways.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { annotatedTopology, readGatewayTopology, type TopologyProblem } from '#model/build/gateway-topology.ts';
import { buildMesh } from '#model/build/mesh.ts';
import { resourcesOf, snapshotOf } from '#test/support/snapshots.ts';

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
  assert.deepEqual(of({ proxyProtocol: {} }), { topology: { proxyProtocol: true }, problems: [] });
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
});

test('a Pod has its own by annotation; one that is no YAML says nothing', () => {
  const annotation = (text: string) => annotatedTopology({ 'proxy.istio.io/config': text });
  assert.deepEqual(annotation('gatewayTopology:\n  numTrustedProxies: 3\n'), { numTrustedProxies: 3 });
  assert.equal(annotation('{ concurrency: 2 }'), undefined);
  assert.equal(annotation('{ not yaml'), undefined);
  assert.equal(annotatedTopology({}), undefined);
});

test('what makes no sense in an annotation is named once for all replicas, with its place', () => {
  const deployment = (name: string, text: string) =>
    `{ apiVersion: apps/v1, kind: Deployment, metadata: { name: ${name} }, spec: { replicas: 2, selector: {}, template: { metadata: { annotations: ` +
    `{ proxy.istio.io/config: '${text}' } }, spec: { containers: [{ name: a, image: a }] } } } }`;
  const texts = [
    deployment('edge', '{ gatewayTopology: { numTrustedProxies: two } }'),
    deployment('broken', '{ not yaml'),
    deployment('right', '{}'),
    deployment('more', '{ concurrency: 2, newField: 10s }'),
  ];
  const { diagnostics } = buildMesh(snapshotOf(resourcesOf(...texts)));
  const said = diagnostics.map(({ code, message, at }) => `${at?.line} ${code} ${message}`);
  assert.equal(said.length, 3, said.join('\n'));
  assert.equal(said[0], '1 HDL0011 annotation proxy.istio.io/config: gatewayTopology.numTrustedProxies must be a whole number from 0 on');
  assert.equal(said[2], '7 HDL0012 annotation proxy.istio.io/config: newField has no effect yet');
  assert.match(said[1] ?? '', /^3 HDL0011 annotation proxy\.istio\.io\/config cannot be read: /);
});
