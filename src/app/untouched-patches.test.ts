import assert from 'node:assert/strict';
import { test } from 'node:test';
import { analyzeFiles } from '#app/analyze-files.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

const mesh = `apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: { name: x, namespace: shop }
spec:
  configPatches:
    - applyTo: CLUSTER
      match: { cluster: { service: stock.shop.svc.cluster.local } }
      patch: { operation: MERGE, value: { alt_stat_name: x } }
    - applyTo: HTTP_FILTER
      match: { listener: { filterChain: { filter: { name: envoy.filters.network.http_connection_manager, subFilter: { name: no.such.filter } } } } }
      patch: { operation: REMOVE }
    - applyTo: CLUSTER
      match: { context: GATEWAY }
      patch: { operation: MERGE, value: { alt_stat_name: y } }
---
apiVersion: v1
kind: Service
metadata: { name: stock, namespace: shop }
spec: { selector: { app: stock }, ports: [{ name: http, port: 80 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: stock, namespace: shop, labels: { app: stock } }
spec: { containers: [{ name: app, image: stock, ports: [{ containerPort: 80 }] }] }
`;

test('what Istio itself does not act on is a warning', async () => {
  await using folder = await temporaryFolder();
  const patches =
    '[{ applyTo: BOOTSTRAP, patch: { operation: MERGE, value: {} } }, { applyTo: CLUSTER, match: { context: WAYPOINT }, patch: { operation: REMOVE } }]';
  const file = await folder.write(
    'x.yaml',
    `apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: { name: x }\nspec:\n  configPatches: ${patches}\n`,
  );
  const { diagnostics } = await analyzeFiles([file]);
  assert.deepEqual(
    diagnostics.map(({ code, severity, message }) => `${code} ${severity} ${message}`),
    ['HDL0012 warning a patch of BOOTSTRAP has no effect', 'HDL0012 warning a patch for the context WAYPOINT has no effect'],
  );
});

test('a patch that touches nothing in any proxy it is for is an error with its line; one for gateways waits for a gateway', async () => {
  await using folder = await temporaryFolder();
  const file = await folder.write('mesh.yaml', mesh);
  const { diagnostics } = await analyzeFiles([file]);
  const found = diagnostics.filter(({ code }) => code === 'HDL0037');
  assert.deepEqual(
    found.map(({ at }) => at?.line),
    [9],
  );
  assert.match(found[0]?.message ?? '', /REMOVE finds no HTTP_FILTER for .*no\.such\.filter/);
});
