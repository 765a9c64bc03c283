import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readText } from '#api/read-text.ts';
import { proxyConfigDiagnostics, proxySettings } from '#runtime/proxy-settings.ts';

function read(text: string) {
  const resources = readText('x.yaml', text).items.flatMap(({ resource }) => resource ?? []);
  const configs = resources.flatMap((resource) => (resource.kind === 'ProxyConfig' ? [resource] : []));
  const pods = resources.flatMap((resource) => (resource.kind === 'Pod' ? [resource] : []));
  return { configs, pods };
}

function config(name: string, namespace: string, spec: string): string {
  return `{ apiVersion: networking.istio.io/v1beta1, kind: ProxyConfig, metadata: { name: ${name}, namespace: ${namespace} }, spec: ${spec} }`;
}

const text = [
  config('mesh', 'istio-system', '{ concurrency: 4, environmentVariables: { A: mesh, B: mesh } }'),
  config('shop', 'shop', '{ environmentVariables: { B: shop, C: shop }, image: { imageType: debug } }'),
  config('web', 'shop', '{ selector: { matchLabels: { app: web } }, concurrency: 2, environmentVariables: { C: web } }'),
  '{ apiVersion: v1, kind: Pod, metadata: { name: web, namespace: shop, labels: { app: web } }, spec: { containers: [{ name: a, image: a }] } }',
  '{ apiVersion: v1, kind: Pod, metadata: { name: db, namespace: shop }, spec: { containers: [{ name: a, image: a }] } }',
  '{ apiVersion: v1, kind: Pod, metadata: { name: x, namespace: elsewhere }, spec: { containers: [{ name: a, image: a }] } }',
].join('\n---\n');

test('the workload’s ProxyConfig comes before the namespace’s, and that before the mesh’s, field by field', () => {
  const { configs, pods } = read(text);
  assert.deepEqual(
    pods.map((pod) => proxySettings(pod, configs)),
    [
      { concurrency: 2, environment: { A: 'mesh', B: 'shop', C: 'web' } },
      { concurrency: 4, environment: { A: 'mesh', B: 'shop', C: 'shop' } },
      { concurrency: 4, environment: { A: 'mesh', B: 'mesh' } },
    ],
  );
  const [pod] = pods;
  assert.deepEqual(pod && proxySettings(pod, []), { concurrency: 1, environment: {} });
});

test('the mesh’s defaults count last, the pod’s annotation first', () => {
  const annotated = `{ apiVersion: v1, kind: Pod, metadata: { name: web, namespace: shop, labels: { app: web }, annotations: { proxy.istio.io/config: '{ concurrency: 8, proxyMetadata: { C: pod, D: 5 } }' } }, spec: { containers: [{ name: a, image: a }] } }`;
  const { configs, pods } = read(`${text}\n---\n${annotated}`);
  const pod = pods.at(-1);
  assert.ok(pod !== undefined);
  const ofMesh = { concurrency: 16, proxyMetadata: { A: 'default', E: 'default' } };
  assert.deepEqual(proxySettings(pod, configs, ofMesh), { concurrency: 8, environment: { A: 'mesh', B: 'shop', C: 'pod', D: '5', E: 'default' } });
  assert.deepEqual(proxySettings(pod, [], { concurrency: 'many', proxyMetadata: [] }), { concurrency: 8, environment: { C: 'pod', D: '5' } });
});

test('what means nothing on this machine, or only to Envoy, is said', () => {
  const { configs } = read(text);
  assert.deepEqual(
    proxyConfigDiagnostics(configs).map(({ code, message, at }) => `${code} ${message} ${at?.line}`),
    [
      'HDL0403 concurrency of ProxyConfig istio-system/mesh has no effect here 1',
      'HDL0403 image of ProxyConfig shop/shop has no effect here 3',
      'HDL0403 concurrency of ProxyConfig shop/web has no effect here 5',
    ],
  );
});
