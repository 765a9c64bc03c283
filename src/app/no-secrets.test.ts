// Private keys and passwords of a mesh's Secrets are searched for in everything that the control plane shows: each admin page, each dump, each finding.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { localDoor } from '#admin/door.ts';
import { startAdminServer } from '#admin/server.ts';
import { adminViews } from '#app/admin-views.ts';
import { compileFiles } from '#app/compile.ts';
import { MeshSource } from '#app/mesh-source.ts';
import { systemClock } from '#base/clock.ts';
import { NodeSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { typeUrls } from '#envoy/type-url.ts';
import { openFileSource } from '#sources/file/file-source.ts';
import { startAuthority } from '#test/support/certificates.ts';
import { httpCall } from '#test/support/http-call.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

const gateway = 'istio-ingressgateway-0.istio-system';
const gatewayNode = `router~127.0.0.1~${gateway}~istio-system.svc.cluster.local`;

const mesh = (
  edge: { readonly certificate: string; readonly key: string },
  own: { readonly certificate: string; readonly key: string },
  words: Words,
) => `
apiVersion: v1
kind: Secret
metadata: { name: edge, namespace: istio-system }
type: kubernetes.io/tls
data: { tls.crt: ${base64(edge.certificate)}, tls.key: ${base64(edge.key)} }
---
apiVersion: v1
kind: Secret
metadata: { name: own, namespace: istio-system }
stringData: ${JSON.stringify({ cert: own.certificate, key: own.key, cacert: own.certificate })}
---
apiVersion: v1
kind: Secret
metadata: { name: unfit, namespace: istio-system }
stringData: ${JSON.stringify({ 'tls.crt': edge.certificate, 'tls.key': own.key })}
---
apiVersion: v1
kind: Secret
metadata: { name: password, namespace: default }
stringData: { password: '${words.password}' }
---
apiVersion: v1
kind: Secret
metadata: { name: misspelt, namespace: istio-system }
data: { tls.crt: ${base64(edge.certificate)}, tls.key: '${words.notBase64}' }
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: shared-key, namespace: istio-system }
spec:
  selector: { matchLabels: { istio: ingressgateway } }
  jwtRules: [{ issuer: shop, jwks: '{"keys":[{"kty":"oct","kid":"a","k":"${words.tokenKey}"}]}' }]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, namespace: istio-system }
spec:
  selector: { istio: ingressgateway }
  servers:
${['edge', 'own', 'unfit', 'misspelt']
  .map(
    (name) =>
      `    - { port: { number: 443, name: ${name}, protocol: HTTPS }, hosts: [${name}.example.com], tls: { mode: SIMPLE, credentialName: ${name} } }`,
  )
  .join('\n')}
`;

type Words = { readonly password: string; readonly notBase64: string; readonly tokenKey: string };

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** What of a key would give it away: its lines, and those of the whole in base64, at each of the three ways that base64 may fall. */
function partsOf(pem: string): readonly string[] {
  const lines = pem.split('\n').filter((line) => line.length >= 16 && !line.startsWith('-----'));
  const body = Buffer.from(lines.join('\n'));
  const encoded = [0, 1, 2].map((start) => body.subarray(start).toString('base64').slice(0, 60));
  return [...lines, ...encoded];
}

test('no key and no password of a Secret is shown anywhere', async () => {
  await using authority = await startAuthority();
  await using folder = await temporaryFolder();
  const [edge, own] = await Promise.all([authority.issue('edge', ['DNS:edge.example.com']), authority.issue('own', ['DNS:own.example.com'])]);
  const words = {
    password: randomBytes(24).toString('hex'),
    notBase64: `!${randomBytes(24).toString('hex')}`,
    tokenKey: randomBytes(32).toString('base64url'),
  };
  const secrets = [...partsOf(edge.key), ...partsOf(own.key), words.password, base64(words.password), words.notBase64, words.tokenKey];
  const file = await folder.write('mesh.yaml', mesh(edge, own, words));
  const seen = new Map<string, string>();

  for (const format of ['yaml', 'json'] as const) {
    for (const to of ['model', 'xds'] as const) {
      const compiled = await compileFiles({ paths: [file], proxy: gateway, to, format });
      assert.ok(compiled.ok, compiled.ok ? '' : compiled.error);
      seen.set(`heddle compile, ${to} as ${format}`, compiled.value.text);
      seen.set(`findings of heddle compile, ${to}`, JSON.stringify(compiled.value.diagnostics));
    }
  }

  await using source = await openFileSource({ paths: [file], clock: systemClock, watch: false });
  const lines: string[] = [];
  using nodes = new MeshSource(source, { log: (level, message, fields) => void lines.push(JSON.stringify([level, message, fields])) });
  const given = nodes.resourcesFor(create(NodeSchema, { id: gatewayNode, metadata: { LABELS: { istio: 'ingressgateway' } } }));
  assert.ok(given.ok);
  const names = [...(given.value.get(typeUrls.secret)?.keys() ?? [])];
  assert.deepEqual(names.sort(), ['kubernetes://edge', 'kubernetes://own'], 'the proxy itself gets the keys');
  const node = { nodeId: gatewayNode, mode: 'delta' as const, connected: true, connectedAtMs: 0, types: new Map() };
  const views = adminViews({
    ledger: { nodes: () => [node] } as never, // only nodes is asked
    mesh: () => nodes.mesh,
    diagnostics: () => nodes.diagnostics(),
    compiledFor: (id) => nodes.compiledFor(id),
    metrics: () => '',
  });
  const admin = await startAdminServer({ views, door: localDoor, port: 0 });
  assert.ok(admin.ok);
  try {
    const paths = [
      '/',
      '/status',
      '/proxies',
      '/diagnostics',
      `/config_dump?proxy=${gateway}`,
      `/debug/config_dump?proxyID=${gateway}`,
      '/debug/syncz',
    ];
    for (const path of paths) seen.set(`admin ${path}`, (await httpCall({ port: admin.value.port, path })).body);
  } finally {
    await admin.value.close();
  }
  seen.set('log', lines.join('\n'));

  assert.match(seen.get(`admin /config_dump?proxy=${gateway}`) ?? '', /kubernetes:\/\/edge[\s\S]*\[redacted\]/);
  assert.match(seen.get(`admin /config_dump?proxy=${gateway}`) ?? '', /oct/, 'and that there is a key to check tokens with');
  for (const [where, text] of seen) for (const secret of secrets) assert.ok(!text.includes(secret), `${where} shows ${secret.slice(0, 4)}…`);
});
