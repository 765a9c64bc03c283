// Listeners and scopes under change: a rule costs the listeners it is about, a Sidecar those of its proxies, an endpoint none.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isMessage } from '@bufbuild/protobuf';
import type { AnyResource } from '#api/kinds.ts';
import { readText } from '#api/read-text.ts';
import { CompileCache } from '#compile/compile-cache.ts';
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import { RouteConfigurationSchema } from '#envoy/gen/envoy/config/route/v3/route_pb.js';
import type { ResourceSet } from '#envoy/resource.ts';
import { typeUrls } from '#envoy/type-url.ts';
import { BuildMemo } from '#model/build/build-memo.ts';
import { buildMesh } from '#model/build/mesh.ts';
import { proxyForWorkload } from '#model/proxy-for-workload.ts';
import { MemorySource } from '#sources/memory/memory-source.ts';

const names = ['a', 'b', 'c'];
const base = [
  ...names.map((name, index) => service(name, index)),
  ...names.map((name) => rule(name, name)),
  pod('client', 'client'),
  pod('other', 'other'),
].join('\n---\n');

function service(name: string, index: number): string {
  return `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { clusterIP: 10.96.0.${index + 1}, selector: { app: ${name} }, ports: [{ name: tcp, port: 9000 }, { name: http, port: 80 }] }`;
}

function rule(name: string, destination: string): string {
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: shop }
spec: { hosts: [${name}], tcp: [{ match: [{ port: 9000 }], route: [{ destination: { host: ${destination}, port: { number: 9000 } } }] }] }`;
}

function pod(name: string, app: string): string {
  return `apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: shop, labels: { app: ${app} } }
spec: { containers: [{ name: app, image: app, ports: [{ containerPort: 9000 }] }] }`;
}

function sidecar(host: string): string {
  return `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: client, namespace: shop }
spec: { workloadSelector: { labels: { app: client } }, egress: [{ hosts: ['./${host}.shop.svc.cluster.local'] }] }`;
}

function read(yaml: string): readonly AnyResource[] {
  return readText('mesh.yaml', yaml).items.flatMap(({ resource }) => (resource === undefined ? [] : [resource]));
}

function controlPlane() {
  const source = new MemorySource(read(base));
  const memo = new BuildMemo();
  const cache = new CompileCache();
  const told = (name: string): ResourceSet => {
    const mesh = buildMesh(source.current(), memo);
    const workload = mesh.workloads.get(`shop/${name}`);
    assert.ok(workload);
    return new MeshCompiler(mesh, cache).compile(proxyForWorkload(mesh, workload, { kind: 'redirect' })).resources;
  };
  return { source, told };
}

function changed(before: ResourceSet, after: ResourceSet): readonly string[] {
  return [...after]
    .flatMap(([typeUrl, ofType]) => [...ofType.values()].filter((resource) => before.get(typeUrl)?.get(resource.name) !== resource))
    .map(({ name }) => name);
}

function listeners(resources: ResourceSet): readonly string[] {
  return [...(resources.get(typeUrls.listener)?.keys() ?? [])].sort();
}

test('a changed tcp rule makes the listener of its service anew, and nothing else', () => {
  const { source, told } = controlPlane();
  const before = told('client');
  assert.deepEqual(changed(before, told('client')), []);
  source.upsert(...read(rule('b', 'c')));
  assert.deepEqual(changed(before, told('client')), ['10.96.0.2_9000']);
});

test('an endpoint that comes leaves all listeners as they are', () => {
  const { source, told } = controlPlane();
  const names = ['outbound|80||b.shop.svc.cluster.local', 'outbound|9000||b.shop.svc.cluster.local'];
  const none = told('client');
  source.upsert(...read(pod('b-0', 'b')));
  const one = told('client');
  // The first one brings a service account, which the clusters believe from now on.
  assert.deepEqual(
    changed(none, one).toSorted(),
    names.flatMap((name) => [name, name]),
  );
  source.upsert(...read(pod('b-1', 'b')));
  assert.deepEqual(changed(one, told('client')).toSorted(), names);
});

test('a Sidecar changes what its own proxies see, and nothing for others', () => {
  const { source, told } = controlPlane();
  const others = told('other');
  source.upsert(...read(sidecar('a')));
  assert.deepEqual(changed(others, told('other')), []);
  const own = told('client');
  assert.deepEqual(listeners(own), ['0.0.0.0_80', '10.96.0.1_9000', 'virtualInbound', 'virtualOutbound']);
  source.upsert(...read(sidecar('b')));
  const after = told('client');
  assert.deepEqual(listeners(after), ['0.0.0.0_80', '10.96.0.2_9000', 'virtualInbound', 'virtualOutbound']);
  assert.equal(after.get(typeUrls.cluster)?.has('outbound|80||a.shop.svc.cluster.local'), false);
});

test('proxies for which the same Sidecar is in force share what is compiled', () => {
  const { source, told } = controlPlane();
  source.upsert(...read(sidecar('a').replace('workloadSelector: { labels: { app: client } }, ', '')));
  const [one, other] = [told('client'), told('other')];
  assert.deepEqual(
    changed(one, other).filter((name) => name !== 'virtualInbound'),
    [],
  );
});

test('the HTTP proxy leads to what the Sidecar lets in, not to what its rules send to', () => {
  const text = [
    base,
    sidecar('a').replace('workloadSelector: { labels: { app: client } }, ', ''),
    `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: onward, namespace: shop }
spec: { hosts: [a], http: [{ route: [{ destination: { host: b, port: { number: 80 } } }] }] }`,
  ].join('\n---\n');
  const mesh = buildMesh(new MemorySource(read(text)).current());
  const workload = mesh.workloads.get('shop/client');
  assert.ok(workload);
  const loopback = { kind: 'none', address: '127.0.0.1', inbound: {}, outbound: {}, httpProxy: 15_002 } as const;
  const { resources } = new MeshCompiler(mesh).compile(proxyForWorkload(mesh, workload, loopback));
  const routes = resources.get(typeUrls.route)?.get('http_proxy')?.message;
  assert.ok(isMessage(routes, RouteConfigurationSchema));
  assert.deepEqual(
    routes.virtualHosts.map(({ name }) => name),
    ['a.shop.svc.cluster.local:80', 'a.shop.svc.cluster.local:9000', 'allow_any_dynamic_dns'],
  );
  assert.equal(resources.get(typeUrls.cluster)?.has('outbound|80||b.shop.svc.cluster.local'), true);
});
