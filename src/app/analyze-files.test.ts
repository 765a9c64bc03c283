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
