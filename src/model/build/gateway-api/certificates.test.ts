// What certificateRefs and the validation of clients come to: conditions, and the TLS of the model's Gateways.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { BuildMemo } from '#model/build/build-memo.ts';
import { buildMesh } from '#model/build/mesh.ts';
import type { ServerTls } from '#model/gateway.ts';
import { isTrouble } from '#model/gateway-api.ts';
import type { Mesh } from '#model/mesh.ts';
import { startAuthority } from '#test/support/certificates.ts';
import { resourcesOf, snapshotOf } from '#test/support/snapshots.ts';

const group = 'gateway.networking.k8s.io';
const authority = await startAuthority();
after(() => authority[Symbol.asyncDispose]());
const one = await authority.issue('one', ['DNS:one.example.com']);
const two = await authority.issue('two', ['DNS:two.example.com']);

function meshOf(...documents: readonly string[]): Mesh {
  return buildMesh(snapshotOf(resourcesOf(documents.join('\n---\n'))));
}

function made(kind: string, name: string, namespace: string, rest: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ apiVersion: 'v1', kind, metadata: { name, namespace }, ...rest });
}

function certificate(name: string, leaf: typeof one, namespace = 'default'): string {
  return made('Secret', name, namespace, { type: 'kubernetes.io/tls', stringData: { 'tls.crt': leaf.certificate, 'tls.key': leaf.key } });
}

type Options = { readonly refs?: readonly object[]; readonly options?: object; readonly frontend?: object };

function gateway({ refs = [], options, frontend }: Options): string {
  const listener = { name: 'https', port: 443, protocol: 'HTTPS', tls: { certificateRefs: refs, ...(options !== undefined && { options }) } };
  const spec = { gatewayClassName: 'istio', listeners: [listener], ...(frontend !== undefined && { tls: { frontend } }) };
  return JSON.stringify({ apiVersion: `${group}/v1`, kind: 'Gateway', metadata: { name: 'web', namespace: 'default' }, spec });
}

function grant(kind: string): string {
  const spec = { from: [{ group, kind: 'Gateway', namespace: 'default' }], to: [{ group: '', kind }] };
  return JSON.stringify({ apiVersion: `${group}/v1`, kind: 'ReferenceGrant', metadata: { name: 'g', namespace: 'vault' }, spec });
}

/** Reasons of what is not well about the listener itself. */
function trouble({ gatewayApi }: Mesh): readonly string[] {
  return gatewayApi.flatMap(({ listeners = [] }) => listeners.flatMap(({ conditions }) => conditions.filter(isTrouble).map(({ reason }) => reason)));
}

function tlsOf({ gateways }: Mesh): ServerTls | undefined {
  return gateways[0]?.servers[0]?.tls;
}

test('a certificate of another namespace that grants it is served, and named with its namespace', () => {
  const documents = [gateway({ refs: [{ name: 'cert', namespace: 'vault' }] }), certificate('cert', one, 'vault')];
  const mesh = meshOf(...documents, grant('Secret'));
  assert.deepEqual(trouble(mesh), []);
  assert.deepEqual(tlsOf(mesh)?.certificates, [{ kind: 'secret', name: 'kubernetes-gateway://vault/cert', granted: true }]);
  const refused = meshOf(...documents);
  assert.deepEqual(trouble(refused), ['Invalid', 'RefNotPermitted']);
  assert.deepEqual(refused.gateways, []);
});

test('a bad certificate beside a good one leaves the listener served, and is named; alone it closes it', () => {
  const broken = made('Secret', 'bad', 'default', { type: 'kubernetes.io/tls', stringData: { 'tls.crt': one.certificate, 'tls.key': two.key } });
  const both = meshOf(gateway({ refs: [{ name: 'good' }, { name: 'bad' }] }), certificate('good', one), broken);
  assert.deepEqual(trouble(both), ['InvalidCertificateRef']);
  assert.deepEqual(
    tlsOf(both)?.certificates.map((name) => (name.kind === 'secret' ? name.name : '')),
    ['kubernetes-gateway://default/good'],
  );
  const alone = meshOf(gateway({ refs: [{ name: 'bad' }] }), broken);
  assert.deepEqual(trouble(alone), ['Invalid', 'InvalidCertificateRef']);
  assert.deepEqual(alone.gateways, []);
  const many = meshOf(gateway({ refs: [{ name: 'a' }, { name: 'b' }, { name: 'c' }] }));
  assert.deepEqual(trouble(many), ['Invalid', 'InvalidCertificateRef']);
});

test('clients are verified by the roots of the frontend, by port; without them nothing is opened', () => {
  const roots = made('ConfigMap', 'clients', 'default', { data: { 'ca.crt': authority.ca } });
  const inSecret = made('Secret', 'staff', 'vault', { stringData: { 'ca.crt': authority.ca } });
  const validation = (kind: string, name: string, more: object = {}) => ({ validation: { caCertificateRefs: [{ group: '', kind, name, ...more }] } });
  const of = (frontend: object, ...documents: readonly string[]): Mesh =>
    meshOf(gateway({ refs: [{ name: 'cert' }], frontend }), certificate('cert', one), ...documents);

  const strict = tlsOf(of({ default: validation('ConfigMap', 'clients') }, roots));
  assert.equal(strict?.mode, 'mutual');
  assert.deepEqual(strict?.clientCa, { kind: 'secret', name: 'configmap://default/clients-cacert', granted: true });

  const fallback = { validation: { ...validation('ConfigMap', 'clients').validation, mode: 'AllowInsecureFallback' } };
  const lax = tlsOf(of({ default: fallback }, roots));
  assert.equal(lax?.mode, 'optional-mutual');
  assert.equal(lax?.parameters.skipsClientVerification, true);

  const perPort = {
    default: validation('ConfigMap', 'clients'),
    perPort: [{ port: 443, tls: validation('Secret', 'staff', { namespace: 'vault' }) }],
  };
  assert.deepEqual(tlsOf(of(perPort, roots, inSecret, grant('Secret')))?.clientCa, {
    kind: 'secret',
    name: 'kubernetes-gateway://vault/staff-cacert',
    granted: true,
  });

  for (const [mesh, reason] of [
    [of(perPort, roots, inSecret), 'RefNotPermitted'],
    [of({ default: validation('ConfigMap', 'gone') }), 'InvalidCACertificateRef'],
    [
      of({ default: validation('ConfigMap', 'clients') }, made('ConfigMap', 'clients', 'default', { data: { 'ca.crt': 'hello' } })),
      'InvalidCACertificateRef',
    ],
    [of({ default: validation('Service', 'clients') }), 'InvalidCACertificateKind'],
  ] as const) {
    assert.deepEqual(trouble(mesh), ['Invalid', reason]);
    assert.deepEqual(mesh.gateways, []);
  }
});

test('options choose the mode and the cipher suites, as in Istio', () => {
  const option = (mode: string): ServerTls | undefined =>
    tlsOf(meshOf(gateway({ refs: [{ name: 'cert' }], options: { 'gateway.istio.io/tls-terminate-mode': mode } }), certificate('cert', one)));
  const rootsBeside = { kind: 'secret', name: 'kubernetes-gateway://default/cert-cacert', granted: true };
  assert.deepEqual([option('MUTUAL')?.mode, option('MUTUAL')?.clientCa], ['mutual', rootsBeside]);
  assert.equal(option('OPTIONAL_MUTUAL')?.mode, 'optional-mutual');
  assert.deepEqual([option('ISTIO_MUTUAL')?.mode, option('ISTIO_MUTUAL')?.certificates], ['istio-mutual', []]);
  assert.deepEqual(option('ISTIO_SIMPLE')?.certificates, [{ kind: 'secret', name: 'builtin://' }]);
  const suites = { 'gateway.istio.io/tls-cipher-suites': 'ECDHE-RSA-AES128-GCM-SHA256, ECDHE-RSA-AES256-GCM-SHA384' };
  assert.deepEqual(tlsOf(meshOf(gateway({ refs: [{ name: 'cert' }], options: suites }), certificate('cert', one)))?.parameters.cipherSuites, [
    'ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES256-GCM-SHA384',
  ]);
});

test('a renewed certificate is a new credential, and changes no Gateway; one that begins to exist opens its listener', () => {
  const memo = new BuildMemo();
  const [web, first, renewed] = resourcesOf(
    [gateway({ refs: [{ name: 'cert' }] }), certificate('cert', one), certificate('cert', two)].join('\n---\n'),
  );
  assert.ok(web !== undefined && first !== undefined && renewed !== undefined);
  assert.deepEqual(buildMesh(snapshotOf([web]), memo).gateways, []);
  const before = buildMesh(snapshotOf([web, first]), memo);
  const after = buildMesh(snapshotOf([web, renewed]), memo);
  assert.equal(before.gateways.length, 1);
  assert.equal(after.gateways[0], before.gateways[0]);
  assert.notEqual(after.credentials.get('secret/default/cert'), before.credentials.get('secret/default/cert'));
});
