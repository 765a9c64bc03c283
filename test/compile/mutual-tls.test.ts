// What a change of policies, credentials or certificates' names makes anew, with all that compiling remembers from the mesh before.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isMessage } from '@bufbuild/protobuf';
import { CompileCache } from '#compile/compile-cache.ts';
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import { type Cluster, ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import type { ResourceSet } from '#envoy/resource.ts';
import { typeUrls } from '#envoy/type-url.ts';
import { BuildMemo } from '#model/build/build-memo.ts';
import { buildMesh } from '#model/build/mesh.ts';
import { proxyForWorkload } from '#model/proxy-for-workload.ts';
import { testAuthority } from '#test/support/identity.ts';
import { resourcesOf, snapshotOf } from '#test/support/snapshots.ts';

const mesh = resourcesOf(`
apiVersion: v1
kind: Pod
metadata: { name: client, namespace: shop, labels: { app: client } }
spec: { containers: [{ name: app, image: app }] }
---
apiVersion: v1
kind: Pod
metadata: { name: web, namespace: shop, labels: { app: web, security.istio.io/tlsMode: istio } }
spec: { containers: [{ name: app, image: app, ports: [{ containerPort: 8080 }] }] }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { selector: { app: web }, clusterIP: 10.96.0.1, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: bank, namespace: shop }
spec: { hosts: [bank.example.com], resolution: STATIC, ports: [{ number: 80, name: http, protocol: HTTP }], endpoints: [{ address: 192.0.2.1 }] }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: bank, namespace: shop }
spec: { host: bank.example.com, workloadSelector: { matchLabels: { app: client } }, trafficPolicy: { tls: { mode: SIMPLE, credentialName: bank } } }`);

const policy = (mode: string, selector = ''): string => `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: p, namespace: shop }
spec: { ${selector} mtls: { mode: ${mode} } }`;

const bankRoots = (roots: string): string => `
apiVersion: v1
kind: Secret
metadata: { name: bank, namespace: shop }
stringData: { ca.crt: ${JSON.stringify(roots)} }`;

/** Compiles for the client, mesh after mesh, as a control plane does. */
function controlPlane(): (...more: readonly string[]) => ResourceSet {
  const memo = new BuildMemo();
  const cache = new CompileCache();
  return (...more) => {
    const built = buildMesh(snapshotOf([...mesh, ...(more.length === 0 ? [] : resourcesOf(...more))]), memo);
    const client = built.workloads.get('shop/client');
    assert.ok(client);
    return new MeshCompiler(built, cache).compile(proxyForWorkload(built, client, { kind: 'redirect' })).resources;
  };
}

const web = 'outbound|80||web.shop.svc.cluster.local';

function clusterOf(resources: ResourceSet, name: string): Cluster | undefined {
  const message = resources.get(typeUrls.cluster)?.get(name)?.message;
  return message !== undefined && isMessage(message, ClusterSchema) ? message : undefined;
}

function metadataOf(resources: ResourceSet): string {
  return JSON.stringify(resources.get(typeUrls.endpoint)?.get(web)?.message);
}

test('a policy that takes mutual TLS away from a namespace changes the clusters of its services, and back', () => {
  const told = controlPlane();
  assert.equal(clusterOf(told(), web)?.transportSocketMatches.length, 2);
  assert.equal(clusterOf(told(policy('DISABLE')), web)?.transportSocketMatches.length, 0);
  assert.equal(clusterOf(told(), web)?.transportSocketMatches.length, 2);
});

test('a policy that takes it away from a workload changes what is said of its endpoints', () => {
  const told = controlPlane();
  const before = told();
  assert.match(metadataOf(before), /tlsMode/);
  const after = told(policy('DISABLE', 'selector: { matchLabels: { app: web } },'));
  assert.doesNotMatch(metadataOf(after), /tlsMode/);
  assert.equal(clusterOf(after, web), clusterOf(before, web), 'the cluster stays the same object');
});

test('a policy that says no more than what holds leaves all clusters the same objects', () => {
  const told = controlPlane();
  assert.equal(clusterOf(told(policy('STRICT')), web), clusterOf(told(), web));
});

test('a credential that comes makes the cluster that waits for it, and one that goes takes it away', async () => {
  const told = controlPlane();
  const name = 'outbound|80||bank.example.com';
  assert.equal(clusterOf(told(), name), undefined);
  const there = told(bankRoots((await testAuthority()).roots()));
  assert.ok(clusterOf(there, name));
  assert.deepEqual([...(there.get(typeUrls.secret)?.keys() ?? [])], ['kubernetes://bank-cacert']);
  assert.equal(clusterOf(told(), name), undefined);
});
