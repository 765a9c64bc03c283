import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { compileFiles } from '#app/compile.ts';
import { startAuthority } from '#test/support/certificates.ts';
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

void test('no private key is in what is shown, neither of the mesh nor of what a proxy is told', async () => {
  await using authority = await startAuthority();
  const { certificate, key } = await authority.issue('shop', ['DNS:shop.example.com']);
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'shop', namespace: 'istio-system' } };
  const data = { 'tls.crt': Buffer.from(certificate).toString('base64'), 'tls.key': Buffer.from(key).toString('base64') };
  const served = mesh.replace(
    /servers: .*/,
    'servers: [{ port: { number: 443, name: https, protocol: HTTPS }, hosts: ["*"], tls: { mode: SIMPLE, credentialName: shop } }]',
  );
  await using folder = await temporaryFolder({ 'mesh.yaml': served, 'secret.json': JSON.stringify({ ...secret, data }) });
  const proxy = 'istio-ingressgateway-0.istio-system';
  for (const to of ['model', 'xds'] as const) {
    for (const format of ['yaml', 'json'] as const) {
      const result = await compileFiles({ paths: [folder.path], proxy, to, format });
      assert.ok(result.ok);
      assert.ok(result.value.text.includes(to === 'xds' ? 'kubernetes://shop' : 'name: shop'.replace(': ', format === 'json' ? '": "' : ': ')));
      for (const line of [...key.split('\n'), data['tls.key']].filter(({ length }) => length > 30))
        assert.ok(!result.value.text.includes(line), `${to} ${format}`);
      if (to === 'xds') assert.match(result.value.text, /private_key"?: "?\[redacted\]/);
    }
  }
});
