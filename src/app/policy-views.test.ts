import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProxyView } from '#admin/views.ts';
import { readText } from '#api/read-text.ts';
import { policyViews } from '#app/policy-views.ts';
import { buildMesh } from '#model/build/mesh.ts';
import { nextSnapshot } from '#sources/next-snapshot.ts';

const text = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: p, namespace: shop }
spec: { action: DENY, rules: [{}] }
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: strict, namespace: shop }
spec: { selector: { matchLabels: { app: a } }, mtls: { mode: STRICT } }
---
apiVersion: v1
kind: Pod
metadata: { name: a, namespace: shop, labels: { app: a } }
spec: { containers: [{ name: app, image: a }] }
---
apiVersion: v1
kind: Pod
metadata: { name: b, namespace: shop, labels: { app: b } }
spec: { containers: [{ name: app, image: a }] }
---
apiVersion: v1
kind: Pod
metadata: { name: c, namespace: shop, labels: { app: c }, annotations: { sidecar.istio.io/inject: 'false' } }
spec: { containers: [{ name: app, image: a }] }
`;

function proxy(name: string, connected: boolean): ProxyView {
  return { name, nodeId: name, mode: 'delta', connected, connectedAt: '2026-01-01T00:00:00.000Z', state: 'synced', types: [] };
}

void test('who enforces each policy: proxies that have taken it, that are away, and workloads that have none', () => {
  const resources = readText('in.yaml', text).items.flatMap(({ resource }) => resource ?? []);
  const views = policyViews(buildMesh(nextSnapshot(undefined, resources, [])), [proxy('a.shop', true)]);
  assert.deepEqual(views, [
    {
      kind: 'PeerAuthentication',
      policy: 'shop/strict',
      at: 'in.yaml:6:1',
      proxies: [{ name: 'a.shop', state: 'synced' }],
      withoutProxy: [],
    },
    {
      kind: 'AuthorizationPolicy',
      policy: 'shop/p',
      at: 'in.yaml:1:1',
      action: 'DENY',
      proxies: [
        { name: 'a.shop', state: 'synced' },
        { name: 'b.shop', state: 'not connected' },
      ],
      withoutProxy: ['c.shop'],
    },
  ]);
});
