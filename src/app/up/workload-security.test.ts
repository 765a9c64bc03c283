import assert from 'node:assert/strict';
import { test } from 'node:test';
import { workloadSecurity } from '#app/up/workload-security.ts';
import { buildMesh } from '#model/build/mesh.ts';
import { readImageMap } from '#runtime/image-map.ts';
import { planPods } from '#runtime/pod-plan.ts';
import { nextSnapshot } from '#sources/next-snapshot.ts';
import { resourcesOf } from '#test/support/snapshots.ts';

test('who a pod is, and which of its ports take plaintext', () => {
  const snapshot = nextSnapshot(
    undefined,
    resourcesOf(
      'apiVersion: v1\nkind: Pod\nmetadata: { name: web, labels: { app: web } }\nspec: { serviceAccountName: shop, containers: [{ name: web, image: "web:1", ports: [{ containerPort: 80 }, { containerPort: 81 }] }] }',
      'apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: { name: web }\nspec: { selector: { matchLabels: { app: web } }, mtls: { mode: STRICT }, portLevelMtls: { 81: { mode: PERMISSIVE } } }',
    ),
    [],
  );
  const plan = planPods(snapshot.resources, [readImageMap('/mesh/heddle.yaml', 'images: { "web:1": { command: [web] } }')]).pods.get('default/web');
  assert.ok(plan !== undefined);
  const security = workloadSecurity(buildMesh(snapshot));
  assert.deepEqual(security(plan), { identity: 'spiffe://cluster.local/ns/default/sa/shop', mtls: { 80: 'strict', 81: 'permissive' } });
  assert.deepEqual(security({ ...plan, isGateway: true }), { identity: 'spiffe://cluster.local/ns/default/sa/shop' });
});
