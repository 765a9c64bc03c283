import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readText } from '#api/read-text.ts';
import { formatDiagnostic } from '#base/diagnostic.ts';
import { BuildMemo } from '#model/build/build-memo.ts';
import { buildMesh } from '#model/build/mesh.ts';
import { resourcesOf, snapshotOf } from '#test/support/snapshots.ts';

const pod = `
apiVersion: v1
kind: Pod
metadata: { name: web, namespace: shop, labels: { app: web } }
spec: { containers: [{ name: app, image: web, ports: [{ containerPort: 8080 }] }] }`;

function policy(name: string, spec: string, namespace = 'shop'): string {
  return `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: ${name}, namespace: ${namespace} }
spec: ${spec}`;
}

function findings(...documents: readonly string[]): readonly string[] {
  const { diagnostics } = buildMesh(snapshotOf(resourcesOf(pod, ...documents)));
  return diagnostics.map((diagnostic) => formatDiagnostic(diagnostic).split('\n')[0] ?? '').map((line) => line.replace(/^\S+ /, ''));
}

function mistakes(spec: string): readonly string[] {
  return readText('in.yaml', policy('p', spec)).items.flatMap(({ diagnostics }) =>
    diagnostics.map(({ message }) => message.replace('PeerAuthentication: ', '')),
  );
}

test('a policy is read with its ports as numbers', () => {
  const mesh = buildMesh(
    snapshotOf(
      resourcesOf(
        pod,
        policy('p', '{ selector: { matchLabels: { app: web } }, mtls: { mode: STRICT }, portLevelMtls: { 8080: { mode: DISABLE } } }'),
      ),
    ),
  );
  const [found] = mesh.peerAuthentications;
  assert.equal(found?.mtls, 'strict');
  assert.deepEqual([...(found?.portMtls ?? [])], [[8080, 'disable']]);
  assert.deepEqual(mesh.diagnostics, []);
});

test('unchanged policies stay the same objects', () => {
  const memo = new BuildMemo();
  const resources = resourcesOf(pod, policy('p', '{ mtls: { mode: STRICT } }'));
  const before = buildMesh(snapshotOf(resources), memo);
  const after = buildMesh(snapshotOf([...resources, ...resourcesOf(policy('q', '{}', 'istio-system'))]), memo);
  assert.equal(
    after.peerAuthentications.find(({ name }) => name === 'p'),
    before.peerAuthentications[0],
  );
});

test('a policy that nobody enforces is an error', () => {
  assert.deepEqual(findings(policy('p', '{ selector: { matchLabels: { app: nobody } }, mtls: { mode: STRICT } }')), [
    'error [HDL0070] PeerAuthentication shop/p selects no workload, so nobody enforces it',
  ]);
  assert.deepEqual(findings(policy('p', '{ selector: { matchLabels: { app: web } }, mtls: { mode: STRICT } }', 'istio-system')), [
    'error [HDL0070] PeerAuthentication istio-system/p has a selector in the root namespace, where none has an effect',
  ]);
});

test('a policy for a namespace without workloads, or for workloads without a proxy, is an error', () => {
  assert.deepEqual(findings(policy('p', '{ mtls: { mode: STRICT } }', 'empty')), [
    'error [HDL0070] PeerAuthentication empty/p is for namespace empty, which has no workload, so nobody enforces it',
  ]);
  const bare = `
apiVersion: v1
kind: Pod
metadata: { name: bare, namespace: shop, labels: { app: bare, sidecar.istio.io/inject: "false" } }
spec: { containers: [{ name: app, image: app }] }`;
  assert.deepEqual(findings(bare, policy('p', '{ selector: { matchLabels: { app: bare } }, mtls: { mode: STRICT } }')), [
    'error [HDL0074] PeerAuthentication shop/p is for shop/bare, without a proxy, so nobody enforces it there',
  ]);
});

test('the younger of two for one workload, or for one namespace, is an error', () => {
  const selecting = '{ selector: { matchLabels: { app: web } }, mtls: { mode: STRICT } }';
  assert.deepEqual(findings(policy('a', selecting), policy('b', selecting)), [
    'error [HDL0071] PeerAuthentication shop/b is overruled: a is older and there can be one for a workload',
  ]);
  assert.deepEqual(findings(policy('a', '{ mtls: { mode: STRICT } }'), policy('b', '{ mtls: { mode: DISABLE } }')), [
    'error [HDL0071] PeerAuthentication shop/b is overruled: a is older and there can be one in namespace shop',
  ]);
});

test('a port that no selected workload names is said', () => {
  assert.deepEqual(findings(policy('p', '{ selector: { matchLabels: { app: web } }, portLevelMtls: { 80: { mode: STRICT } } }')), [
    'warning [HDL0072] PeerAuthentication shop/p: no workload that it selects names port 80',
  ]);
});

test('what Istio refuses is refused', () => {
  assert.deepEqual(mistakes('{ portLevelMtls: { 80: { mode: STRICT } } }'), ['portLevelMtls needs a selector: ports belong to workloads']);
  assert.deepEqual(mistakes('{ selector: { matchLabels: { app: web } }, portLevelMtls: { 0: { mode: STRICT } } }'), ['0 is no port number']);
  assert.deepEqual(mistakes('{ selector: { matchLabels: { app: "*" } } }'), ['labels are compared as they stand: wildcards mean nothing here']);
  assert.equal(mistakes('{ mtls: { mode: MUTUAL } }').length, 1);
});
