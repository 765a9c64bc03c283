import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import { buildMesh } from '#model/build/mesh.ts';
import { proxyForWorkload } from '#model/proxy-for-workload.ts';
import { resourcesOf, snapshotOf } from '#test/support/snapshots.ts';

const text = (hosts: string, failOpen: boolean): string => `
apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data:
  mesh: |
    extensionProviders: [{ name: p, envoyExtAuthzGrpc: { service: asker.safe.svc.cluster.local, port: 9000, failOpen: ${failOpen} } }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: asked, namespace: shop }
spec: { action: CUSTOM, provider: { name: p }, rules: [{}] }
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: default, namespace: shop }
spec: { egress: [{ hosts: ['${hosts}'] }] }
---
apiVersion: v1
kind: Service
metadata: { name: asker, namespace: safe }
spec: { ports: [{ name: grpc, port: 9000 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: web, namespace: shop, labels: { app: web } }
spec: { containers: [{ name: app, image: a }] }
`;

function findings(hosts: string, failOpen = false): readonly string[] {
  const mesh = buildMesh(snapshotOf(resourcesOf(text(hosts, failOpen))));
  const workload = mesh.workloads.get('shop/web');
  assert.ok(workload);
  const { diagnostics } = new MeshCompiler(mesh).compile(proxyForWorkload(mesh, workload, { kind: 'redirect' }));
  return diagnostics.map(({ code, message }) => `${code} ${message}`);
}

void test('an authoriser that the Sidecar does not let in', () => {
  assert.match(findings('./*').join(), /^HDL0076 AuthorizationPolicy shop\/asked: .* do not see asker.safe.svc.cluster.local.* is denied$/);
  assert.match(findings('./*', true).join(), /is let in unasked$/);
  assert.deepEqual(findings('safe/*'), []);
});
