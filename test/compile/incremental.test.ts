// A change costs what it touches: what was made of unchanged resources is the same object in the next mesh and in what proxies are told.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AnyResource } from '#api/kinds.ts';
import { readText } from '#api/read-text.ts';
import { CompileCache } from '#compile/compile-cache.ts';
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import type { ResourceSet } from '#envoy/resource.ts';
import { typeUrls } from '#envoy/type-url.ts';
import { BuildMemo } from '#model/build/build-memo.ts';
import { buildMesh } from '#model/build/mesh.ts';
import type { Mesh } from '#model/mesh.ts';
import { proxyForWorkload } from '#model/proxy-for-workload.ts';
import { MemorySource } from '#sources/memory/memory-source.ts';

const names = Array.from({ length: 5 }, (_, index) => `svc-${index}`);
const text = [
  ...names.map(
    (name) => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: default }
spec: { selector: { app: ${name} }, ports: [{ name: http, port: ${name === 'svc-4' ? 8080 : 80} }] }
---
apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: default, labels: { app: ${name} } }
spec: { containers: [{ name: app, image: app }] }
---
${virtualService(name, 'first')}`,
  ),
].join('\n---\n');

function virtualService(name: string, route: string): string {
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: default }
spec: { hosts: [${name}], http: [{ name: ${route}, route: [{ destination: { host: ${name} } }] }] }`;
}

function read(yaml: string): readonly AnyResource[] {
  return readText('mesh.yaml', yaml).items.flatMap(({ resource }) => (resource === undefined ? [] : [resource]));
}

/** Builds and compiles step by step with one memory for all steps, as a control plane does. */
function controlPlane() {
  const source = new MemorySource(read(text));
  const memo = new BuildMemo();
  const cache = new CompileCache();
  const told = (): { readonly mesh: Mesh; readonly resources: ResourceSet } => {
    const mesh = buildMesh(source.current(), memo);
    const workload = mesh.workloads.get('default/svc-0');
    assert.ok(workload);
    return { mesh, resources: new MeshCompiler(mesh, cache).compile(proxyForWorkload(mesh, workload, { kind: 'redirect' })).resources };
  };
  return { source, told };
}

/** Names of the resources that are other objects than before. */
function changedResources(before: ResourceSet, after: ResourceSet): readonly string[] {
  return [...after]
    .flatMap(([type, resources]) => [...resources].filter(([name, resource]) => before.get(type)?.get(name) !== resource).map(([name]) => name))
    .sort();
}

void test('the same snapshot gives the very same resources', () => {
  const { told } = controlPlane();
  const first = told();
  const second = told();
  assert.deepEqual(changedResources(first.resources, second.resources), []);
  assert.equal(second.mesh.services, first.mesh.services);
  assert.ok(first.resources.size >= 4);
});

void test('a changed route changes the one route table it is in', () => {
  const { source, told } = controlPlane();
  const before = told();
  source.upsert(...read(virtualService('svc-1', 'second')));
  const after = told();
  assert.deepEqual(changedResources(before.resources, after.resources), ['80']);
  assert.notEqual(after.mesh.virtualServices[1], before.mesh.virtualServices[1]);
  assert.equal(after.mesh.virtualServices[0], before.mesh.virtualServices[0]);
  assert.equal(after.mesh.services, before.mesh.services);
});

void test("an endpoint that comes changes its service's endpoints, no cluster and no route", () => {
  const { source, told } = controlPlane();
  const before = told();
  source.upsert(
    ...read(`apiVersion: v1
kind: Pod
metadata: { name: svc-1-more, namespace: default, labels: { app: svc-1 } }
spec: { containers: [{ name: app, image: app }] }`),
  );
  const cluster = 'outbound|80||svc-1.default.svc.cluster.local';
  const after = told();
  assert.deepEqual(changedResources(before.resources, after.resources), [cluster]);
  assert.notEqual(after.resources.get(typeUrls.endpoint)?.get(cluster), before.resources.get(typeUrls.endpoint)?.get(cluster));
});

void test('a subset that comes is a cluster more, and the rest stays', () => {
  const { source, told } = controlPlane();
  const before = told();
  source.upsert(
    ...read(`apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: svc-2, namespace: default }
spec: { host: svc-2, subsets: [{ name: v1, labels: { version: v1 } }] }`),
  );
  const changed = changedResources(before.resources, told().resources);
  assert.deepEqual([...new Set(changed)], ['outbound|80|v1|svc-2.default.svc.cluster.local', 'outbound|80||svc-2.default.svc.cluster.local']);
});

void test('changed settings change everything that depends on them', () => {
  const { source, told } = controlPlane();
  const before = told();
  source.upsert(
    ...read(`apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data: { mesh: 'connectTimeout: 3s' }`),
  );
  const after = told();
  assert.equal(after.mesh.settings.connectTimeoutMs, 3000);
  assert.ok(changedResources(before.resources, after.resources).includes('PassthroughCluster'));
});

void test('another order of the same resources is the same mesh to every proxy', () => {
  const resources = read(text);
  const versions = [resources, resources.toReversed()].map((order) => {
    const mesh = buildMesh(new MemorySource(order).current());
    const workload = mesh.workloads.get('default/svc-0');
    assert.ok(workload);
    const compiled = new MeshCompiler(mesh).compile(proxyForWorkload(mesh, workload, { kind: 'redirect' }));
    return [...compiled.resources].flatMap(([type, ofType]) => [...ofType.values()].map(({ name, version }) => `${type} ${name} ${version}`)).sort();
  });
  assert.deepEqual(versions[0], versions[1]);
});

void test('sidecars of one namespace share everything but what they serve', () => {
  const mesh = buildMesh(new MemorySource(read(text)).current());
  const compiler = new MeshCompiler(mesh);
  const [first, second] = ['default/svc-0', 'default/svc-1'].map((key) => {
    const workload = mesh.workloads.get(key);
    assert.ok(workload);
    return compiler.compile(proxyForWorkload(mesh, workload, { kind: 'redirect' })).resources;
  });
  assert.ok(first && second);
  assert.deepEqual(changedResources(first, second), ['inbound|80||', 'virtualInbound']);
});

function bareService(name: string): string {
  return `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: default }
spec: { ports: [{ name: http, port: 80 }] }`;
}

const misspelled = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: a, namespace: default }
spec: { hosts: [a], http: [{ route: [{ destination: { host: revews } }] }] }`;

void test('what is said about a missing host follows the services that come and go', () => {
  const source = new MemorySource(read(misspelled));
  const memo = new BuildMemo();
  const hints = (): readonly (string | undefined)[] => {
    const found = buildMesh(source.current(), memo).diagnostics.filter(({ code }) => code === 'IST0101');
    // Remembered or not, the same is said.
    assert.deepEqual(
      buildMesh(source.current()).diagnostics.filter(({ code }) => code === 'IST0101'),
      found,
    );
    return found.map(({ hint }) => hint);
  };
  assert.match(hints()[0] ?? '', /no Service has this name/);
  source.upsert(...read(bareService('reviews')));
  assert.match(hints()[0] ?? '', /did you mean reviews/);
  source.upsert(...read(bareService('other')));
  assert.match(hints()[0] ?? '', /did you mean reviews/);
  source.upsert(...read(bareService('revews')));
  assert.deepEqual(hints(), []);
});
