// Who is given what stands in a namespace's Secrets: a proxy is the pod that it names only with the account of that pod, and one that no pod is like
// gets none.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, type JsonObject } from '@bufbuild/protobuf';
import { MeshSource } from '#app/mesh-source.ts';
import { silentLogger } from '#base/logger.ts';
import { NodeSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { typeUrls } from '#envoy/type-url.ts';
import type { SnapshotSource } from '#sources/snapshot.ts';
import { startAuthority } from '#test/support/certificates.ts';
import { resourcesOf, snapshotOf } from '#test/support/snapshots.ts';

const text = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: front, namespace: edge }
spec:
  selector: { app: edge }
  servers: [{ port: { number: 443, name: https, protocol: HTTPS }, hosts: ['*'], tls: { mode: SIMPLE, credentialName: front } }]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: bank, namespace: edge }
spec:
  hosts: [bank.example.com]
  resolution: STATIC
  ports: [{ number: 443, name: http, protocol: HTTP }]
  endpoints: [{ address: 192.0.2.9 }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: bank, namespace: edge }
spec:
  host: bank.example.com
  workloadSelector: { matchLabels: { app: payer } }
  trafficPolicy: { tls: { mode: MUTUAL, credentialName: front } }
---
apiVersion: v1
kind: Pod
metadata: { name: edge, namespace: edge, labels: { app: edge } }
spec: { serviceAccountName: edge, containers: [{ name: istio-proxy, image: auto, ports: [{ containerPort: 443 }] }] }
---
apiVersion: v1
kind: Pod
metadata: { name: payer, namespace: edge, labels: { app: payer } }
spec: { serviceAccountName: payer, containers: [{ name: app, image: payer }] }
---
apiVersion: v1
kind: Pod
metadata: { name: web, namespace: edge, labels: { app: web } }
spec: { serviceAccountName: web, containers: [{ name: app, image: web }] }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: written, namespace: edge }
spec: { address: 192.0.2.7, serviceAccount: machine, labels: { app: edge } }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: registered, namespace: edge, annotations: { istio.io/autoRegistrationGroup: vms } }
spec: { address: 192.0.2.8, serviceAccount: vm, labels: { app: edge } }
`;

async function startSource(): Promise<MeshSource> {
  await using authority = await startAuthority();
  const { certificate, key } = await authority.issue('front', ['DNS:front.example.com']);
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'front', namespace: 'edge' } };
  const data = { 'tls.crt': certificate, 'tls.key': key, 'ca.crt': authority.ca };
  const snapshot = snapshotOf(resourcesOf(text, JSON.stringify({ ...secret, stringData: data })));
  const source: SnapshotSource = { current: () => snapshot, onChange: () => () => {}, [Symbol.asyncDispose]: async () => {} };
  return new MeshSource(source, silentLogger);
}

test('Secrets are for the pods that they are for, by the account that was proved, whatever a node says of its name and labels', async () => {
  using source = await startSource();
  const given = (type: string, name: string, account: string, labels: JsonObject): string => {
    const metadata = { NAMESPACE: 'edge', SERVICE_ACCOUNT: account, LABELS: labels };
    const found = source.resourcesFor(create(NodeSchema, { id: `${type}~192.0.2.1~${name}.edge~edge.svc.cluster.local`, metadata }));
    if (!found.ok) return `refused: ${found.error}`;
    const secrets = found.value.get(typeUrls.secret)?.size ?? 0;
    return secrets > 0 ? 'secrets' : 'none';
  };
  const router = (name: string, account: string, labels: JsonObject = { app: 'edge' }) => given('router', name, account, labels);
  assert.equal(router('edge', 'edge'), 'secrets');
  assert.equal(router('edge-2', 'edge'), 'secrets', 'another pod of the Deployment');
  assert.equal(router('machine', 'machine'), 'secrets', 'a machine with an entry that somebody wrote');
  assert.match(router('edge', 'web'), /^refused: the node is of service account web, and pod edge\/edge is not/);
  assert.equal(router('web', 'web'), 'none', 'labels of a pod are what the mesh knows');
  assert.equal(router('nobody', 'web'), 'none');
  assert.equal(router('nobody', 'stranger'), 'none');
  assert.equal(router('vm', 'vm'), 'none', 'an entry that a proxy registered says what that proxy said');
  const sidecar = (name: string, account: string) => given('sidecar', name, account, { app: 'payer' });
  assert.equal(sidecar('payer', 'payer'), 'secrets');
  assert.equal(sidecar('payer-2', 'payer'), 'secrets');
  assert.match(sidecar('payer', 'web'), /^refused/);
  assert.equal(sidecar('nobody', 'web'), 'none');
  assert.equal(sidecar('web', 'web'), 'none');
});

test('a gateway that no Secret is for is closed, with the reason', async () => {
  using source = await startSource();
  const metadata = { NAMESPACE: 'edge', SERVICE_ACCOUNT: 'stranger', LABELS: { app: 'edge' } };
  const node = create(NodeSchema, { id: 'router~192.0.2.1~nobody.edge~edge.svc.cluster.local', metadata });
  const found = source.resourcesFor(node);
  assert.ok(found.ok);
  assert.equal(found.value.get(typeUrls.listener)?.size ?? 0, 0);
  assert.match(JSON.stringify(source.diagnostics()), /HDL0030.*the mesh knows no workload of its service account/);
});

test('a gateway that came without TLS is closed, though it says that it is one', async () => {
  using source = await startSource();
  const metadata = { NAMESPACE: 'edge', SERVICE_ACCOUNT: 'edge', LABELS: { app: 'edge' }, HEDDLE_SECRETS: 'none' };
  const found = source.resourcesFor(create(NodeSchema, { id: 'router~192.0.2.1~edge.edge~edge.svc.cluster.local', metadata }));
  assert.ok(found.ok);
  assert.deepEqual([found.value.get(typeUrls.secret)?.size ?? 0, found.value.get(typeUrls.listener)?.size ?? 0], [0, 0]);
  assert.match(JSON.stringify(source.diagnostics()), /HDL0030.*the proxy came without TLS/);
});
