// No way in without the rules: every filter chain that leads to a workload, or through a gateway, has the workload's policies in front.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isMessage } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { CompileCache } from '#compile/compile-cache.ts';
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import { extensionTypes } from '#envoy/extension-types.ts';
import { TrafficDirection } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import type { FilterChain } from '#envoy/gen/envoy/config/listener/v3/listener_components_pb.js';
import { type Listener, ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import { HttpConnectionManagerSchema } from '#envoy/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { typeUrls } from '#envoy/type-url.ts';
import { buildMesh } from '#model/build/mesh.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Interception, Proxy } from '#model/proxy.ts';
import { proxyForWorkload } from '#model/proxy-for-workload.ts';
import { resourcesOf, snapshotOf } from '#test/support/snapshots.ts';

const text = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: p, namespace: shop }
spec: { action: DENY, rules: [{ from: [{ source: { namespaces: [bad] } }] }] }
---
apiVersion: v1
kind: Service
metadata: { name: all, namespace: shop }
spec:
  selector: { app: all }
  ports:
    - { name: http, port: 80, targetPort: 8080 }
    - { name: grpc, port: 81, targetPort: 8081 }
    - { name: tcp, port: 82, targetPort: 8082 }
    - { name: sniffed, port: 83, targetPort: 8083 }
    - { name: tls, port: 84, targetPort: 8084 }
---
apiVersion: v1
kind: Pod
metadata: { name: all, namespace: shop, labels: { app: all } }
spec:
  containers: [{ name: app, image: a, ports: [{ containerPort: 8080 }, { containerPort: 8081 }, { containerPort: 8082 }, { containerPort: 8083 }, { containerPort: 8084 }] }]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, namespace: shop }
spec:
  selector: { app: edge }
  servers:
    - { port: { number: 80, name: http, protocol: HTTP }, hosts: ['*'] }
    - { port: { number: 81, name: tcp, protocol: TCP }, hosts: ['*'] }
    - { port: { number: 82, name: tls, protocol: TLS }, hosts: [a.example], tls: { mode: PASSTHROUGH } }
    - { port: { number: 83, name: https, protocol: HTTPS }, hosts: [a.example], tls: { mode: SIMPLE, serverCertificate: /c.pem, privateKey: /k.pem } }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: edge, namespace: shop }
spec:
  hosts: [a.example]
  gateways: [edge]
  tcp: [{ match: [{ port: 81 }], route: [{ destination: { host: all, port: { number: 82 } } }] }]
  tls: [{ match: [{ port: 82, sniHosts: [a.example] }], route: [{ destination: { host: all, port: { number: 84 } } }] }]
---
apiVersion: v1
kind: Pod
metadata: { name: edge, namespace: shop, labels: { app: edge } }
spec: { containers: [{ name: istio-proxy, image: auto, ports: [{ containerPort: 80 }, { containerPort: 81 }, { containerPort: 82 }, { containerPort: 83 }] }] }
`;

function meshOf(written: string): Mesh {
  return buildMesh(snapshotOf(resourcesOf(written)));
}

function proxyOf(mesh: Mesh, name: string, interception: Interception): Proxy {
  const workload = mesh.workloads.get(`shop/${name}`);
  assert.ok(workload);
  const { withoutIdentity: _none, ...proxy } = proxyForWorkload(mesh, workload, interception);
  return proxy;
}

/** The listeners that let somebody in. */
function listenersOf(mesh: Mesh, proxy: Proxy, cache = new CompileCache()): readonly Listener[] {
  const resources = new MeshCompiler(mesh, cache).compile(proxy).resources.get(typeUrls.listener);
  return [...(resources?.values() ?? [])]
    .flatMap(({ message }) => (isMessage(message, ListenerSchema) ? [message] : []))
    .filter(({ trafficDirection }) => proxy.type === 'router' || trafficDirection === TrafficDirection.INBOUND);
}

function chainsOf(listener: Listener): readonly FilterChain[] {
  return [...listener.filterChains, ...(listener.defaultFilterChain === undefined ? [] : [listener.defaultFilterChain])];
}

/** In front of what passes requests or bytes on. */
function enforces({ filters }: FilterChain): boolean {
  const last = filters.at(-1);
  const any = last?.configType.case === 'typedConfig' ? last.configType.value : undefined;
  const message = any === undefined ? undefined : anyUnpack(any, extensionTypes);
  const isHttp = message !== undefined && isMessage(message, HttpConnectionManagerSchema);
  const before = isHttp ? message.httpFilters.slice(0, -1).map(({ name }) => name) : filters.slice(0, -1).map(({ name }) => name);
  return before.includes(isHttp ? 'envoy.filters.http.rbac' : 'envoy.filters.network.rbac');
}

const inbound = Object.fromEntries([8080, 8081, 8082, 8083, 8084].map((port) => [port, { listen: port + 10_000, app: port + 20_000 }]));
const local: Interception = { kind: 'none', address: '127.0.0.1', inbound, outbound: {} };
const rows: readonly (readonly [title: string, pod: string, interception: Interception, chains: number])[] = [
  ['a sidecar', 'all', { kind: 'redirect' }, 10],
  ['a sidecar without redirection', 'all', local, 10],
  ['a gateway', 'edge', { kind: 'redirect' }, 4],
];

for (const [title, pod, interception, atLeast] of rows) {
  void test(`${title}: no way in without the rules`, () => {
    const mesh = meshOf(text);
    const chains = listenersOf(mesh, proxyOf(mesh, pod, interception)).flatMap(chainsOf);
    assert.ok(chains.length >= atLeast, `only ${chains.length} chains`);
    const open = chains.filter((chain) => !enforces(chain)).map(({ name }) => name);
    // Loops end there.
    assert.deepEqual(open, interception.kind === 'redirect' && pod === 'all' ? ['virtualInbound-blackhole'] : []);
  });
}

void test('with the same policies the listener is the same, whatever happens to others', () => {
  const cache = new CompileCache();
  const before = meshOf(text);
  const [first] = listenersOf(before, proxyOf(before, 'all', { kind: 'redirect' }), cache);
  const [again] = listenersOf(before, proxyOf(before, 'all', { kind: 'redirect' }), cache);
  assert.equal(first, again);
});

void test('every rule remembers its line', () => {
  const mesh = meshOf(text);
  const { origins } = new MeshCompiler(mesh).compile(proxyOf(mesh, 'all', { kind: 'redirect' }));
  const [origin] = origins.get({ kind: 'rbacPolicy', policy: 'ns[shop]-policy[p]-rule[0]' });
  assert.equal(origin?.line, 5);
});
