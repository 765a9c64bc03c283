import assert from 'node:assert/strict';
import { test } from 'node:test';
import { meshProxyConfig, meshRootNamespace } from '#api/istio/written-proxy-config.ts';
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

/** Where nobody says how a pod starts and ends. */
const ends = { holdsApplication: true, terminationDrainMs: 5_000 };

test('the workload’s ProxyConfig comes before the namespace’s, and that before the mesh’s, field by field', () => {
  const { configs, pods } = read(text);
  assert.deepEqual(
    pods.map((pod) => proxySettings(pod, configs)),
    [
      { ...ends, concurrency: 2, environment: { A: 'mesh', B: 'shop', C: 'web' } },
      { ...ends, concurrency: 4, environment: { A: 'mesh', B: 'shop', C: 'shop' } },
      { ...ends, concurrency: 4, environment: { A: 'mesh', B: 'mesh' } },
    ],
  );
  const [pod] = pods;
  assert.deepEqual(pod && proxySettings(pod, []), { ...ends, concurrency: 1, environment: {} });
});

test('the mesh’s defaults count last, the pod’s annotation first', () => {
  const annotated = `{ apiVersion: v1, kind: Pod, metadata: { name: web, namespace: shop, labels: { app: web }, annotations: { proxy.istio.io/config: '{ concurrency: 8, proxyMetadata: { C: pod, D: 5 } }' } }, spec: { containers: [{ name: a, image: a }] } }`;
  const { configs, pods } = read(`${text}\n---\n${annotated}`);
  const pod = pods.at(-1);
  assert.ok(pod !== undefined);
  const ofMesh = { concurrency: 16, proxyMetadata: { A: 'default', E: 'default' } };
  assert.deepEqual(proxySettings(pod, configs, ofMesh), {
    ...ends,
    concurrency: 8,
    environment: { A: 'mesh', B: 'shop', C: 'pod', D: '5', E: 'default' },
  });
  assert.deepEqual(proxySettings(pod, [], { concurrency: 'many', proxyMetadata: [] }), {
    ...ends,
    concurrency: 8,
    environment: { C: 'pod', D: '5' },
  });
});

test('how a pod starts and ends is said by its annotation, or by the mesh', () => {
  const annotated = `{ apiVersion: v1, kind: Pod, metadata: { name: web, namespace: shop, annotations: { proxy.istio.io/config: '{ holdApplicationUntilProxyStarts: true, terminationDrainDuration: 12s }' } }, spec: { containers: [{ name: a, image: a }] } }`;
  const plain = annotated.replace(/annotations: .*' \}/, 'labels: {}');
  const ofMesh = { holdApplicationUntilProxyStarts: false, terminationDrainDuration: '20s' };
  const [first, second] = [annotated, plain].map((one) => {
    const [pod] = read(one).pods;
    assert.ok(pod !== undefined);
    const { holdsApplication, terminationDrainMs } = proxySettings(pod, [], ofMesh);
    return { holdsApplication, terminationDrainMs };
  });
  assert.deepEqual(first, { holdsApplication: true, terminationDrainMs: 12_000 });
  assert.deepEqual(second, { holdsApplication: false, terminationDrainMs: 20_000 });
});

test('drainDuration of the annotation counts before that of the mesh', () => {
  const podOf = (config: string): string =>
    `{ apiVersion: v1, kind: Pod, metadata: { name: web, namespace: shop, annotations: { proxy.istio.io/config: '${config}' } }, spec: { containers: [{ name: a, image: a }] } }`;
  const drains = (config: string, ofMesh: Readonly<Record<string, unknown>>): number | undefined => {
    const [pod] = read(podOf(config)).pods;
    assert.ok(pod !== undefined);
    return proxySettings(pod, [], ofMesh).listenerDrainMs;
  };
  assert.equal(drains('{ drainDuration: 12s }', { drainDuration: '1m' }), 12_000);
  assert.equal(drains('{}', { drainDuration: '1m' }), 60_000);
  assert.equal(drains('{}', {}), undefined);
});

test('the limit of connections and switches of the runtime: the annotation over the mesh, the field over the variable', () => {
  const podOf = (config: string): string =>
    `{ apiVersion: v1, kind: Pod, metadata: { name: web, namespace: shop, annotations: { proxy.istio.io/config: '${config}' } }, spec: { containers: [{ name: a, image: a }] } }`;
  const settings = (config: string, ofMesh: Readonly<Record<string, unknown>>) => {
    const [pod] = read(podOf(config)).pods;
    assert.ok(pod !== undefined);
    const { connectionLimit, runtimeValues } = proxySettings(pod, [], ofMesh);
    return { connectionLimit, runtimeValues };
  };
  const ofMesh = { connectionSettings: { globalDownstreamConnectionLimit: 1_000 }, runtimeValues: { a: 'true', b: 'x' } };
  assert.deepEqual(settings('{ connectionSettings: { globalDownstreamConnectionLimit: 50 }, runtimeValues: { b: "false", c: 3 } }', ofMesh), {
    connectionLimit: 50,
    runtimeValues: { a: 'true', b: 'false', c: '3' },
  });
  assert.equal(settings('{ proxyMetadata: { ISTIO_META_GLOBAL_DOWNSTREAM_MAX_CONNECTIONS: "70" } }', ofMesh).connectionLimit, 1_000);
  assert.equal(settings('{ proxyMetadata: { ISTIO_META_GLOBAL_DOWNSTREAM_MAX_CONNECTIONS: "70" } }', {}).connectionLimit, 70);
  assert.deepEqual(settings('{ connectionSettings: { globalDownstreamConnectionLimit: 0 } }', {}), {
    connectionLimit: undefined,
    runtimeValues: undefined,
  });
});

test('what is for the whole mesh stands in the root namespace that MeshConfig names', () => {
  const { configs, pods } = read(
    `${config('mesh', 'istio-config', '{ concurrency: 3 }')}\n---\n${config('old', 'istio-system', '{ concurrency: 4 }')}\n---\n${text.split('\n---\n').at(-1)}`,
  );
  const [pod] = pods;
  assert.ok(pod !== undefined);
  const configMap = { data: { mesh: 'rootNamespace: istio-config' } };
  assert.equal(proxySettings(pod, configs, meshProxyConfig(configMap), meshRootNamespace(configMap)).concurrency, 3);
  assert.equal(proxySettings(pod, configs, undefined, meshRootNamespace(undefined)).concurrency, 4);
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
