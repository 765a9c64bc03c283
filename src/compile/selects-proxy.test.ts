import assert from 'node:assert/strict';
import { test } from 'node:test';
import { selectsProxy } from '#compile/selects-proxy.ts';
import { buildMesh } from '#model/build/mesh.ts';
import type { Proxy } from '#model/proxy.ts';
import { resourcesOf, snapshotOf } from '#test/support/snapshots.ts';

const patch = 'configPatches: [{ applyTo: CLUSTER, patch: { operation: MERGE, value: { alt_stat_name: x } } }]';

const filter = (name: string, target: string): string =>
  `apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: { name: ${name}, namespace: shop }\nspec: { ${target}, ${patch} }\n`;

test('an EnvoyFilter is for the proxies of the Gateway that it targets, or those behind a Service', () => {
  const mesh = buildMesh(
    snapshotOf(
      resourcesOf(
        "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: { name: edge, namespace: shop }\nspec: { selector: { app: edge }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ['*'] }] }\n",
        'apiVersion: v1\nkind: Service\nmetadata: { name: web, namespace: shop }\nspec: { selector: { app: web }, ports: [{ port: 80 }] }\n',
        filter('of-gateway', 'targetRefs: [{ group: networking.istio.io, kind: Gateway, name: edge }]'),
        filter('of-named-gateway', 'targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: front }]'),
        filter('of-service', 'targetRefs: [{ kind: Service, name: web }]'),
        filter('of-labels', 'workloadSelector: { labels: { app: edge } }'),
      ),
    ),
  );
  const chosen = (type: Proxy['type'], labels: Readonly<Record<string, string>>): readonly string[] => {
    const proxy: Proxy = {
      type,
      name: 'p',
      namespace: 'shop',
      nodeId: '',
      addresses: [],
      labels,
      dnsDomain: 'shop.svc.cluster.local',
      interception: { kind: 'redirect' },
      explainFailures: false,
    };
    return mesh.envoyFilters.filter((one) => selectsProxy(one, mesh, proxy)).map(({ name }) => name);
  };
  assert.deepEqual(chosen('router', { app: 'edge' }), ['of-gateway', 'of-labels']);
  assert.deepEqual(chosen('router', { 'gateway.networking.k8s.io/gateway-name': 'front' }), ['of-named-gateway']);
  assert.deepEqual(chosen('sidecar', { app: 'web' }), ['of-service']);
  assert.deepEqual(chosen('sidecar', { app: 'other' }), []);
});
