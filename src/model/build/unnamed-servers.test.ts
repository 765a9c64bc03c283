import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildMesh } from '#model/build/mesh.ts';
import { resourcesOf, snapshotOf } from '#test/support/snapshots.ts';

function warnings(tls: string, protocol = 'TCP'): readonly string[] {
  const resources = resourcesOf(`
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: many, namespace: shop }
spec: { hosts: ['*.example.com'], resolution: NONE, ports: [{ number: 80, name: port, protocol: ${protocol} }] }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: many, namespace: shop }
spec: { host: '*.example.com', trafficPolicy: { tls: ${tls} } }`);
  return buildMesh(snapshotOf(resources)).diagnostics.flatMap(({ code, message }) => (code === 'HDL0084' ? [message] : []));
}

test('servers of many hosts need a name to be known by', () => {
  assert.deepEqual(warnings('{ mode: SIMPLE }'), ['calls to *.example.com fail: nothing says which name the certificates of its servers must have']);
  assert.deepEqual(warnings('{ mode: SIMPLE, sni: a.example.com }'), []);
  assert.deepEqual(warnings('{ mode: SIMPLE, subjectAltNames: [a.example.com] }'), []);
  assert.deepEqual(warnings('{ mode: SIMPLE, insecureSkipVerify: true }'), []);
  assert.deepEqual(warnings('{ mode: DISABLE }'), []);
  assert.deepEqual(warnings('{ mode: SIMPLE }', 'HTTP'), [], 'requests say it');
});
