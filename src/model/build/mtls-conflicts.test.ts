import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildMesh } from '#model/build/mesh.ts';
import { resourcesOf, snapshotOf } from '#test/support/snapshots.ts';

function conflicts(tls: string, mtls: string): readonly string[] {
  const resources = resourcesOf(`
apiVersion: v1
kind: Pod
metadata: { name: web, namespace: shop, labels: { app: web } }
spec: { containers: [{ name: app, image: web, ports: [{ containerPort: 8080 }, { containerPort: 8081 }] }] }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { selector: { app: web }, ports: [{ name: http, port: 80, targetPort: 8080 }, { name: http-b, port: 81, targetPort: 8081 }] }
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: web, namespace: shop }
spec: { selector: { matchLabels: { app: web } }, ${mtls} }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: web, namespace: shop }
spec: { host: web, trafficPolicy: { tls: ${tls} } }`);
  return buildMesh(snapshotOf(resources)).diagnostics.flatMap(({ code, message }) => (code === 'HDL0084' ? [message] : []));
}

test('calls in plaintext to what takes mutual TLS only are said, by port', () => {
  assert.deepEqual(conflicts('{ mode: DISABLE }', 'mtls: { mode: STRICT }'), [
    'calls to web.shop.svc.cluster.local, ports 80, 81, go out without mutual TLS, and its workloads take nothing else',
  ]);
  assert.deepEqual(conflicts('{ mode: SIMPLE }', 'mtls: { mode: STRICT }, portLevelMtls: { 8080: { mode: PERMISSIVE } }'), [
    'calls to web.shop.svc.cluster.local, port 81, go out without mutual TLS, and its workloads take nothing else',
  ]);
});

test('mutual TLS of the mesh, and ports that take plaintext too, are no conflict', () => {
  assert.deepEqual(conflicts('{ mode: ISTIO_MUTUAL }', 'mtls: { mode: STRICT }'), []);
  assert.deepEqual(conflicts('{ mode: DISABLE }', 'mtls: { mode: PERMISSIVE }'), []);
});
