// What of a destination rule is made for whom: proxies between which a rule tells no difference share all of it, and a change costs what it touches.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isMessage } from '@bufbuild/protobuf';
import { readText } from '#api/read-text.ts';
import { CompileCache } from '#compile/compile-cache.ts';
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import { ClusterLoadAssignmentSchema } from '#envoy/gen/envoy/config/endpoint/v3/endpoint_pb.js';
import type { XdsResource } from '#envoy/resource.ts';
import { type TypeUrl, typeUrls } from '#envoy/type-url.ts';
import { BuildMemo } from '#model/build/build-memo.ts';
import { buildMesh } from '#model/build/mesh.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Proxy } from '#model/proxy.ts';
import { proxyForWorkload } from '#model/proxy-for-workload.ts';
import { MemorySource } from '#sources/memory/memory-source.ts';

const services = ['near', 'plain'].map(
  (name) => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: default }
spec: { selector: { app: shop }, ports: [{ name: http, port: 80, targetPort: 8080 }] }`,
);

function pod(name: string, region: string, labels = ''): string {
  return `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: default, labels: { app: ${name.split('-')[0] ?? ''}, topology.kubernetes.io/region: ${region}${labels} } }
spec: { containers: [{ name: app, image: app, ports: [{ containerPort: 8080 }] }] }`;
}

function rule(name: string, spec: string): string {
  return `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${name}, namespace: default }
spec: ${spec}`;
}

const near = rule('near', '{ host: near, trafficPolicy: { outlierDetection: { consecutive5xxErrors: 1 } } }');
const pods = [pod('shop-1', 'east'), pod('shop-2', 'west'), pod('a-1', 'east'), pod('a-2', 'east', ', tier: gold'), pod('b-1', 'west')];

function read(...texts: readonly string[]) {
  return readText('mesh.yaml', texts.join('\n---\n')).items.flatMap(({ resource }) => (resource === undefined ? [] : [resource]));
}

function proxyOf(mesh: Mesh, name: string, more: Partial<Proxy> = {}): Proxy {
  const workload = mesh.workloads.get(`default/${name}`);
  assert.ok(workload);
  return { ...proxyForWorkload(mesh, workload, { kind: 'redirect' }), ...more };
}

/** The resource of a type that each proxy is told under a name. */
function toldBy(mesh: Mesh, compiler: MeshCompiler, typeUrl: TypeUrl, name: string) {
  return (proxy: string, more: Partial<Proxy> = {}): XdsResource | undefined =>
    compiler
      .compile(proxyOf(mesh, proxy, more))
      .resources.get(typeUrl)
      ?.get(name);
}

const nearCluster = 'outbound|80||near.default.svc.cluster.local';
const plainCluster = 'outbound|80||plain.default.svc.cluster.local';

test('endpoints that depend on where the client stands are shared by the proxies of one locality, all others by everybody', () => {
  const mesh = buildMesh(new MemorySource(read(...services, ...pods, near)).current());
  const compiler = new MeshCompiler(mesh);
  const told = toldBy(mesh, compiler, typeUrls.endpoint, nearCluster);
  assert.ok(told('a-1'));
  assert.equal(told('a-1'), told('a-2'));
  assert.notEqual(told('a-1'), told('b-1'));
  const plain = toldBy(mesh, compiler, typeUrls.endpoint, plainCluster);
  assert.equal(plain('a-1'), plain('b-1'));
  const clusters = toldBy(mesh, compiler, typeUrls.cluster, nearCluster);
  assert.equal(clusters('a-1'), clusters('b-1'), 'the cluster itself knows no place');
});

test('the locality of the node counts before the pod’s', () => {
  const mesh = buildMesh(new MemorySource(read(...services, ...pods, near)).current());
  const told = toldBy(mesh, new MeshCompiler(mesh), typeUrls.endpoint, nearCluster);
  assert.equal(told('a-1', { locality: { region: 'west', zone: '', subZone: '' } }), told('b-1'));
});

test('without a rule that asks for it, clients everywhere are told the same', () => {
  const mesh = buildMesh(new MemorySource(read(...services, ...pods)).current());
  const told = toldBy(mesh, new MeshCompiler(mesh), typeUrls.endpoint, nearCluster);
  assert.equal(told('a-1'), told('b-1'));
});

test('a rule that chooses its clients makes a difference for these only', () => {
  const chosen = rule(
    'chosen',
    '{ host: plain, workloadSelector: { matchLabels: { tier: gold } }, trafficPolicy: { loadBalancer: { simple: RANDOM } } }',
  );
  const mesh = buildMesh(new MemorySource(read(...services, ...pods, chosen)).current());
  const told = toldBy(mesh, new MeshCompiler(mesh), typeUrls.cluster, plainCluster);
  assert.equal(told('a-1'), told('b-1'));
  assert.notEqual(told('a-1'), told('a-2'));
});

test('a changed rule leaves the clusters and endpoints of other hosts as they are', () => {
  const source = new MemorySource(read(...services, ...pods, near));
  const memo = new BuildMemo();
  const cache = new CompileCache();
  const resources = () => {
    const mesh = buildMesh(source.current(), memo);
    return new MeshCompiler(mesh, cache).compile(proxyOf(mesh, 'a-1')).resources;
  };
  const before = resources();
  source.upsert(...read(rule('near', '{ host: near, trafficPolicy: { outlierDetection: { consecutive5xxErrors: 2 } } }')));
  const after = resources();
  const changed = [...after].flatMap(([typeUrl, ofType]) =>
    [...ofType].filter(([name, one]) => before.get(typeUrl)?.get(name) !== one).map(([name]) => name),
  );
  assert.deepEqual([...new Set(changed)], [nearCluster]);
});

test('a service of each node for itself has the endpoints of the client’s node', () => {
  const local = `
apiVersion: v1
kind: Service
metadata: { name: near, namespace: default }
spec: { selector: { app: shop }, internalTrafficPolicy: Local, ports: [{ name: http, port: 80, targetPort: 8080 }] }`;
  const onNode = (name: string, node: string): string => pod(name, 'east').replace('spec: {', `spec: { nodeName: ${node},`);
  const all = [onNode('shop-1', 'n1'), onNode('shop-2', 'n2'), onNode('a-1', 'n1'), onNode('b-1', 'n2'), onNode('b-2', 'n3')];
  const mesh = buildMesh(new MemorySource(read(local, ...all)).current());
  const told = toldBy(mesh, new MeshCompiler(mesh), typeUrls.endpoint, nearCluster);
  const addresses = (proxy: string): readonly string[] => {
    const message = told(proxy)?.message;
    assert.ok(isMessage(message, ClusterLoadAssignmentSchema));
    return message.endpoints.flatMap(({ lbEndpoints }) => lbEndpoints.map(({ hostIdentifier }) => JSON.stringify(hostIdentifier.value)));
  };
  assert.equal(addresses('a-1').length, 1);
  assert.equal(addresses('b-1').length, 1);
  assert.notDeepEqual(addresses('a-1'), addresses('b-1'));
  assert.deepEqual(addresses('b-2'), []);
});
