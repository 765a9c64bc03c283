import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BuildMemo } from '#model/build/build-memo.ts';
import { buildMesh } from '#model/build/mesh.ts';
import { resourcesOf, snapshotOf } from '#test/support/snapshots.ts';

const service = (name: string): string =>
  `{ apiVersion: v1, kind: Service, metadata: { name: ${name}, namespace: shop }, spec: { ports: [{ name: http, port: 80 }] } }`;

const policy = (name: string, targets: string, validation = 'wellKnownCACertificates: System', created = '2020-01-01T00:00:00Z'): string =>
  `{ apiVersion: gateway.networking.k8s.io/v1, kind: BackendTLSPolicy, metadata: { name: ${name}, namespace: shop, creationTimestamp: '${created}' }, ` +
  `spec: { targetRefs: [${targets}], validation: { hostname: a.com, ${validation} } } }`;

const target = (name: string, section = ''): string =>
  `{ group: '', kind: Service, name: ${name}${section === '' ? '' : `, sectionName: ${section}`} }`;

function conditionsOf(...documents: readonly string[]): readonly string[] {
  const { gatewayApi } = buildMesh(snapshotOf(resourcesOf(service('a'), service('b'), ...documents)));
  return gatewayApi.flatMap(({ name, parents = [] }) =>
    parents.map(
      ({ parent, conditions }) => `${name} ${parent}: ${conditions.map(({ type, status, reason }) => `${type}=${status} ${reason}`).join(', ')}`,
    ),
  );
}

test('each target has its conditions, and the policy that goes before another has its target', () => {
  const good = 'Accepted=True Accepted, ResolvedRefs=True ResolvedRefs';
  assert.deepEqual(
    conditionsOf(policy('young', `${target('a')}, ${target('b', 'http')}`, undefined, '2021-01-01T00:00:00Z'), policy('old', target('a'))),
    [
      `old Service shop/a: ${good}`,
      'young Service shop/a: Accepted=False Conflicted, ResolvedRefs=True ResolvedRefs',
      `young Service shop/b/http: ${good}`,
    ],
  );
  assert.deepEqual(conditionsOf(policy('lost', `${target('c')}, ${target('a', 'grpc')}`)), [
    'lost Service shop/c: Accepted=False TargetNotFound, ResolvedRefs=True ResolvedRefs',
    'lost Service shop/a/grpc: Accepted=False TargetNotFound, ResolvedRefs=True ResolvedRefs',
  ]);
  const noRoots = "caCertificateRefs: [{ group: '', kind: ConfigMap, name: none }]";
  assert.deepEqual(conditionsOf(policy('rootless', target('a'), noRoots)), [
    'rootless Service shop/a: Accepted=False NoValidCACertificate, ResolvedRefs=False InvalidCACertificateRef',
  ]);
  assert.deepEqual(conditionsOf(policy('unknown', target('a'), 'wellKnownCACertificates: Mine')), [
    'unknown Service shop/a: Accepted=False NoValidCACertificate, ResolvedRefs=False Invalid',
  ]);
});

test('a policy that did not change is the same rule as before', () => {
  const memo = new BuildMemo();
  const documents = [service('a'), policy('p', target('a'))];
  const resources = resourcesOf(...documents);
  const [before] = buildMesh(snapshotOf(resources), memo).destinationRules;
  const [after] = buildMesh(snapshotOf([...resources, ...resourcesOf(service('other'))]), memo).destinationRules;
  assert.ok(before !== undefined);
  assert.equal(after, before);
});
