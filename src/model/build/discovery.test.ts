import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BuildMemo } from '#model/build/build-memo.ts';
import { readDiscoverySelectors } from '#model/build/discovery-selectors.ts';
import { buildMesh } from '#model/build/mesh.ts';
import { resourcesOf, snapshotOf } from '#test/support/snapshots.ts';

const text = `apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data: { mesh: 'discoverySelectors: [{ matchExpressions: [{ key: kubernetes.io/metadata.name, operator: NotIn, values: [out] }] }]' }
---
${['in', 'out', 'istio-system'].map((namespace) => `{ apiVersion: v1, kind: Service, metadata: { name: a, namespace: ${namespace} }, spec: { ports: [{ port: 80 }] } }`).join('\n---\n')}
`;

test('services of namespaces that are not chosen are no part of the mesh; a second build finds the same maps', () => {
  const memo = new BuildMemo();
  const snapshot = snapshotOf(resourcesOf(text));
  const mesh = buildMesh(snapshot, memo);
  assert.deepEqual([...mesh.services.keys()].sort(), ['a.in.svc.cluster.local', 'a.istio-system.svc.cluster.local']);
  assert.equal(buildMesh(snapshot, memo).services, mesh.services);
});

test('what is no list of selectors is refused, and then nothing is left out', () => {
  for (const written of ['all', [{ labels: {} }], [{ matchLabels: { a: 1 } }], [{ matchExpressions: [{ key: 'a', operator: 'Is' }] }]]) {
    const problems: { readonly field: string; readonly message: string }[] = [];
    assert.deepEqual(readDiscoverySelectors({ discoverySelectors: written }, problems), {});
    assert.equal(problems.length, 1, JSON.stringify(written));
  }
});
