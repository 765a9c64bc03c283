import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readText } from '#api/read-text.ts';
import { CompileCache } from '#compile/compile-cache.ts';
import { metricsPlan } from '#compile/metrics-plan.ts';
import { buildMesh } from '#model/build/mesh.ts';
import type { Mesh } from '#model/mesh.ts';
import { istioMetrics, type MetricsPlan } from '#model/metrics-plan.ts';
import { proxyForWorkload } from '#model/proxy-for-workload.ts';
import { nextSnapshot } from '#sources/next-snapshot.ts';

const pod = (name: string): string =>
  `{ apiVersion: v1, kind: Pod, metadata: { name: ${name}, namespace: shop, labels: { app: ${name} } }, spec: { containers: [{ name: a, image: a }] } }`;

function telemetry(namespace: string, spec: string): string {
  return `apiVersion: telemetry.istio.io/v1\nkind: Telemetry\nmetadata: { name: ${namespace}-${spec.length}, namespace: ${namespace} }\nspec: ${spec}`;
}

function meshOf(...documents: readonly string[]): Mesh {
  const { items } = readText('in.yaml', [pod('web'), pod('db'), ...documents].join('\n---\n'));
  return buildMesh(
    nextSnapshot(
      undefined,
      items.flatMap(({ resource }) => (resource === undefined ? [] : [resource])),
      [],
    ),
  );
}

function planOf(mesh: Mesh, name: string, cache = new CompileCache()): MetricsPlan | undefined {
  const workload = mesh.workloads.get(`shop/${name}`);
  assert.ok(workload !== undefined);
  return metricsPlan(mesh, proxyForWorkload(mesh, workload, { kind: 'redirect' }), cache);
}

const off = '{ metrics: [{ overrides: [{ disabled: true }] }] }';

test('without a Telemetry all metrics are reported, with one from the root namespace what it says', () => {
  assert.equal(planOf(meshOf(), 'web'), istioMetrics);
  const plan = planOf(meshOf(telemetry('istio-system', off)), 'web');
  assert.equal(plan?.client.REQUEST_COUNT?.disabled, true);
  assert.equal(plan?.server.TCP_SENT_BYTES?.disabled, true);
});

test('the narrower has the last word, metric by metric and side by side', () => {
  const ofNamespace = telemetry('shop', '{ metrics: [{ overrides: [{ match: { metric: REQUEST_COUNT, mode: CLIENT }, disabled: false }] }] }');
  const own = telemetry(
    'shop',
    '{ selector: { matchLabels: { app: web } }, metrics: [{ overrides: [{ match: { metric: REQUEST_COUNT }, tagOverrides: { path: { value: request.path }, source_app: { operation: REMOVE } } }] }] }',
  );
  const mesh = meshOf(telemetry('istio-system', off), ofNamespace, own);
  const web = planOf(mesh, 'web');
  const labels = { path: { kind: 'set', format: '%REQ(:PATH)%' }, source_app: { kind: 'removed' } };
  assert.deepEqual(web?.client.REQUEST_COUNT, { disabled: false, labels });
  assert.deepEqual(web.server.REQUEST_COUNT, { disabled: true, labels });
  assert.deepEqual(planOf(mesh, 'db')?.client.REQUEST_COUNT, { disabled: false, labels: {} });
});

test('a provider that is not Prometheus gets nothing, and its line is told', () => {
  const mesh = meshOf(telemetry('shop', '{ metrics: [{ providers: [{ name: stackdriver }] }] }'));
  assert.equal(planOf(mesh, 'web'), undefined);
  const [diagnostic] = mesh.diagnostics.filter(({ code }) => code === 'HDL0120');
  assert.match(diagnostic?.message ?? '', /no provider stackdriver/);
});

test('where MeshConfig names no provider, a Telemetry may', () => {
  const settings = `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: istio, namespace: istio-system }\ndata: { mesh: 'defaultProviders: { metrics: [] }' }`;
  const mesh = meshOf(settings, telemetry('shop', '{ selector: { matchLabels: { app: web } }, metrics: [{ providers: [{ name: prometheus }] }] }'));
  assert.equal(planOf(mesh, 'web'), istioMetrics);
  assert.equal(planOf(mesh, 'db'), undefined);
});

test('a label that cannot be evaluated stays as it is, and its line is told', () => {
  const mesh = meshOf(telemetry('shop', '{ metrics: [{ overrides: [{ tagOverrides: { x: { value: "has(request.host)" } } }] }] }'));
  assert.deepEqual(planOf(mesh, 'web')?.client.REQUEST_COUNT?.labels, {});
  assert.ok(mesh.diagnostics.some(({ code, at }) => code === 'HDL0121' && at?.line !== undefined));
});

test('the plan is the same object for proxies of one kind, and from one mesh to the next', () => {
  const cache = new CompileCache();
  const mesh = meshOf(telemetry('shop', off));
  assert.equal(planOf(mesh, 'web', cache), planOf(mesh, 'db', cache));
});
