import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { compileFiles } from '#app/compile.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

const mesh = `apiVersion: v1
kind: Service
metadata: { name: hello, namespace: default }
spec: { selector: { app: hello }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: hello, namespace: default }
spec:
  replicas: 2
  selector: { matchLabels: { app: hello } }
  template:
    metadata: { labels: { app: hello } }
    spec: { containers: [{ name: app, image: app, ports: [{ containerPort: 8080 }] }] }
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, namespace: istio-system }
spec:
  selector: { istio: ingressgateway }
  servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ['*'] }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: broken, namespace: istio-system }
spec: { hosts: [hello.example.com], gateways: [edge], http: [{ route: [{ destination: { host: hello } }] }] }
`;

void test('what a proxy is told, as YAML, with what is wrong beside it', async () => {
  await using folder = await temporaryFolder({ 'mesh.yaml': mesh });
  const result = await compileFiles({ paths: [folder.path], proxy: 'hello-1.default', to: 'xds', format: 'yaml' });
  assert.ok(result.ok);
  const xds: unknown = parse(result.value.text);
  assert.ok(typeof xds === 'object' && xds !== null);
  assert.deepEqual(Object.keys(xds), ['listeners', 'routes', 'clusters', 'endpoints']);
  assert.match(result.value.text, /inbound\|8080\|\|/);
  assert.deepEqual(
    result.value.diagnostics.map(({ code }) => code),
    ['IST0101'],
  );
});

void test('an ingress gateway that nobody wrote can be asked for, as `heddle up` adds it', async () => {
  await using folder = await temporaryFolder({ 'mesh.yaml': mesh });
  const result = await compileFiles({ paths: [folder.path], proxy: 'istio-ingressgateway-0.istio-system', to: 'xds', format: 'json' });
  assert.ok(result.ok);
  assert.match(result.value.text, /"name": "http\.8080"/);
});

void test('the mesh as Heddle understands it', async () => {
  await using folder = await temporaryFolder({ 'mesh.yaml': mesh });
  const result = await compileFiles({ paths: [folder.path], to: 'model', format: 'yaml' });
  assert.ok(result.ok);
  assert.match(result.value.text, /hostname: hello\.default\.svc\.cluster\.local/);
  assert.match(result.value.text, /mesh\.yaml:1:1/);
});

void test('a proxy that is not there, or is not named, is an error that names those there are', async () => {
  await using folder = await temporaryFolder({ 'mesh.yaml': mesh });
  const misspelt = await compileFiles({ paths: [folder.path], proxy: 'helo-1.default', to: 'xds', format: 'yaml' });
  assert.deepEqual(misspelt, { ok: false, error: 'no pod helo-1.default; did you mean hello-1.default?' });
  const unnamed = await compileFiles({ paths: [folder.path], to: 'xds', format: 'yaml' });
  assert.deepEqual(unnamed, { ok: false, error: 'name a proxy: hello-0.default, hello-1.default, istio-ingressgateway-0.istio-system' });
});
