import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { analyzeFiles } from '#app/analyze-files.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

test('what names the ingress gateway of an installation is right without its files', async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'in.yaml');
  await writeFile(
    file,
    `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: front, namespace: istio-system }
spec:
  gatewayClassName: istio
  addresses: [{ type: Hostname, value: istio-ingressgateway.istio-system.svc.cluster.local }]
  listeners: [{ name: web, port: 80, protocol: HTTP }]
`,
  );
  const { diagnostics, resources, conditions } = await analyzeFiles([file]);
  assert.deepEqual(diagnostics, []);
  assert.equal(resources, 1);
  assert.match(JSON.stringify(conditions), /"Programmed"/);
});

test('servers of a Gateway that cannot be given their certificate, or cannot be side by side, are findings with their lines', async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'in.yaml');
  await writeFile(
    file,
    `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, namespace: istio-system }
spec:
  selector: { istio: ingressgateway }
  servers:
    - { port: { number: 443, name: https-a, protocol: HTTPS }, hosts: [a.example.com], tls: { mode: SIMPLE, credentialName: gone } }
    - { port: { number: 443, name: https-b, protocol: HTTPS }, hosts: [b.example.com], tls: { mode: ISTIO_MUTUAL } }
    - { port: { number: 443, name: https-c, protocol: HTTPS }, hosts: [a.example.com], tls: { mode: ISTIO_MUTUAL } }
`,
  );
  const { diagnostics } = await analyzeFiles([file]);
  assert.deepEqual(
    diagnostics.map(({ code, at }) => `${code} ${at?.line}`),
    ['HDL0030 7', 'HDL0032 9'],
  );
});

test('what policies close at a sidecar is a finding: an authorizer that it does not see, a port and a call without their Secret', async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'in.yaml');
  await writeFile(
    file,
    `apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data: { mesh: 'extensionProviders: [{ name: p, envoyExtAuthzGrpc: { service: asker.safe.svc.cluster.local, port: 9000 } }]' }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: asked, namespace: shop }
spec: { action: CUSTOM, provider: { name: p }, rules: [{}] }
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: web, namespace: shop }
spec:
  workloadSelector: { labels: { app: web } }
  egress: [{ hosts: ['./*'] }]
  ingress:
    - { port: { number: 8443, protocol: HTTPS, name: https }, defaultEndpoint: '127.0.0.1:8080', tls: { mode: SIMPLE, credentialName: gone } }
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: web, namespace: shop }
spec: { selector: { matchLabels: { app: web } }, portLevelMtls: { 8443: { mode: DISABLE } } }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: bank, namespace: shop }
spec: { hosts: [bank.example.com], location: MESH_EXTERNAL, resolution: DNS, ports: [{ number: 443, name: https, protocol: HTTPS }] }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: bank, namespace: shop }
spec:
  host: bank.example.com
  workloadSelector: { matchLabels: { app: web } }
  trafficPolicy: { tls: { mode: SIMPLE, credentialName: gone-too } }
---
apiVersion: v1
kind: Service
metadata: { name: asker, namespace: safe }
spec: { ports: [{ name: grpc, port: 9000 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: web, namespace: shop, labels: { app: web } }
spec: { containers: [{ name: app, image: a }] }
`,
  );
  const { diagnostics } = await analyzeFiles([file]);
  const closed = diagnostics.filter(({ code }) => ['HDL0073', 'HDL0076', 'HDL0083'].includes(code));
  assert.deepEqual(
    closed.map(({ code, at }) => `${code} ${at?.line}`),
    ['HDL0076 6', 'HDL0073 18', 'HDL0083 36'],
  );
});
