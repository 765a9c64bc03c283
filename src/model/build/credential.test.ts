import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { after, test } from 'node:test';
import { inspect, promisify } from 'node:util';
import type { AnyResource } from '#api/kinds.ts';
import { readText } from '#api/read-text.ts';
import { formatDiagnostic } from '#base/diagnostic.ts';
import { BuildMemo } from '#model/build/build-memo.ts';
import { buildMesh } from '#model/build/mesh.ts';
import type { Mesh } from '#model/mesh.ts';
import { startAuthority } from '#test/support/certificates.ts';
import { snapshotOf } from '#test/support/snapshots.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

const authority = await startAuthority();
after(() => authority[Symbol.asyncDispose]());
const shop = await authority.issue('shop', ['DNS:shop.example.com']);
const other = await authority.issue('other', ['DNS:other.example.com']);

type Values = Readonly<Record<string, string>>;

function secret(name: string, stringData: Values, rest: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'shop' }, stringData, ...rest });
}

function configMap(name: string, data: Values): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'shop' }, data });
}

function resources(...documents: readonly string[]): readonly AnyResource[] {
  return readText('f.yaml', documents.join('\n---\n')).items.flatMap(({ resource }) => resource ?? []);
}

function meshOf(...documents: readonly string[]): Mesh {
  return buildMesh(snapshotOf(resources(...documents)));
}

function said(mesh: Mesh): readonly string[] {
  return mesh.diagnostics.filter(({ code }) => code === 'HDL0080').map(({ message }) => message);
}

test('both spellings of a certificate, data in base64 and stringData, with roots and a revocation list beside them', () => {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const crl = '-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n';
  const mesh = meshOf(
    secret(
      'tls',
      { 'tls.key': shop.key },
      { type: 'kubernetes.io/tls', data: { 'tls.crt': base64(shop.certificate), 'tls.ocsp-staple': base64('staple') } },
    ),
    secret('generic', { cert: other.certificate, key: other.key, cacert: authority.ca, crl, 'tls.crt': 'not', 'tls.key': 'read' }),
    secret('shop-cacert', { 'ca.crt': authority.ca, 'ca.crl': crl }),
    secret('password', { password: 'of the database', key: 'an API key' }),
    configMap('roots', { 'ca.crt': authority.ca }),
    configMap('settings', { color: 'blue' }),
  );
  assert.deepEqual(said(mesh), []);
  const names = ['secret/shop/tls', 'secret/shop/generic', 'secret/shop/shop-cacert', 'secret/shop/password', 'config-map/shop/roots'];
  assert.deepEqual([...mesh.credentials.keys()], names);
  const { origin: _origin, ...password } = mesh.credentials.get('secret/shop/password') ?? {};
  assert.deepEqual(password, { kind: 'secret', name: 'password', namespace: 'shop' }, 'nothing of it is kept');
  const tls = mesh.credentials.get('secret/shop/tls');
  assert.equal(tls?.keyPair?.chain, shop.certificate);
  assert.equal(tls?.keyPair?.key.reveal(), shop.key);
  assert.equal(Buffer.from(tls?.keyPair?.ocspStaple ?? []).toString(), 'staple');
  assert.equal(tls?.roots, undefined);
  const generic = mesh.credentials.get('secret/shop/generic');
  assert.deepEqual([generic?.keyPair?.key.reveal(), generic?.roots, generic?.crl], [other.key, authority.ca, crl]);
  const roots = mesh.credentials.get('secret/shop/shop-cacert');
  assert.deepEqual([roots?.keyPair, roots?.roots, roots?.crl], [undefined, authority.ca, crl]);
  assert.equal(mesh.credentials.get('config-map/shop/roots')?.roots, authority.ca);
});

test('what no proxy could serve is named with its line, and is no credential', async () => {
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const encrypted = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: 'x',
  });
  const type = 'kubernetes.io/tls';
  const weak = await selfSigned(small.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  const cases: readonly (readonly [Values, string, Readonly<Record<string, unknown>>?])[] = [
    [{ 'tls.crt': 'hello', 'tls.key': shop.key }, 'tls.crt holds no certificate in PEM'],
    [{ 'tls.crt': shop.certificate.replace(/\n.{20}/, '\n'), 'tls.key': shop.key }, 'tls.crt cannot be read: certificate 1 of 1 is damaged'],
    [{ cert: shop.certificate, key: 'hello' }, 'key holds no private key in PEM'],
    [{ cert: shop.certificate, key: encrypted.toString() }, 'key is encrypted, and nobody here knows its passphrase'],
    [{ 'tls.crt': shop.certificate, 'tls.key': other.key }, 'tls.key does not fit the certificate: it belongs to another one'],
    [weak, 'tls.key is RSA of 1024 bits, which the proxies refuse'],
    [{ 'tls.crt': shop.certificate }, 'it is of type kubernetes.io/tls and has no tls.key', { type }],
    [{}, 'it is of type kubernetes.io/tls and has no tls.crt and tls.key', { type }],
    [{ 'tls.crt': shop.certificate }, 'tls.key is not base64', { data: { 'tls.key': '-----BEGIN PRIVATE KEY-----' } }],
    [{ 'ca.crt': 'hello' }, 'ca.crt holds no certificate in PEM'],
    [{ cacert: authority.ca, crl: 'hello' }, 'crl holds no revocation list in PEM'],
  ];
  for (const [values, message, rest] of cases) {
    const mesh = meshOf(secret('bad', values, rest));
    assert.deepEqual(said(mesh), [`Secret shop/bad: ${message}; what names it stays closed`]);
    const credential = mesh.credentials.get('secret/shop/bad');
    assert.deepEqual([credential?.keyPair, credential?.roots, credential?.crl], [undefined, undefined, undefined], message);
  }
});

test('a diagnostic stands at the key that it is about, with a way out', () => {
  const text = `apiVersion: v1\nkind: Secret\nmetadata: {name: bad}\ndata:\n  tls.crt: aGVsbG8=\n  tls.key: aGVsbG8=\n`;
  assert.deepEqual(meshOf(text).diagnostics.map(formatDiagnostic), [
    'f.yaml:5:3: warning [HDL0080] Secret default/bad: tls.crt holds no certificate in PEM; what names it stays closed\n' +
      '    fix: it begins with -----BEGIN CERTIFICATE-----',
  ]);
});

test('it is an error where the Secret is for certificates or was one, and a warning where it may be for something else', () => {
  const severities = (mesh: Mesh): readonly string[] => mesh.diagnostics.map(({ severity }) => severity);
  const bad = { 'tls.crt': 'hello', 'tls.key': 'hello' };
  assert.deepEqual(severities(meshOf(secret('bad', bad))), ['warning']);
  assert.deepEqual(severities(meshOf(secret('bad', bad, { type: 'kubernetes.io/tls' }))), ['error']);
  const memo = new BuildMemo();
  const build = (values: Values): Mesh => buildMesh(snapshotOf(resources(secret('web', values))), memo);
  assert.deepEqual(severities(build({ cert: shop.certificate, key: shop.key })), []);
  assert.deepEqual(severities(build({ cert: 'hello', key: 'hello' })), ['error']);
  const map = (roots: string): Mesh => buildMesh(snapshotOf(resources(configMap('roots', { 'ca.crt': roots }))), memo);
  assert.deepEqual([severities(map('hello')), severities(map('hallo'))], [['warning'], ['warning']]);
  assert.deepEqual([severities(map(authority.ca)), severities(map('hello'))], [[], ['error']]);
});

test('a certificate that goes bad keeps its last good value in force, part by part, until the Secret is gone', () => {
  const memo = new BuildMemo();
  const build = (...documents: readonly string[]): Mesh => buildMesh(snapshotOf(resources(...documents)), memo);
  const key = 'secret/shop/web';
  const first = build(secret('web', { 'tls.crt': shop.certificate, 'tls.key': shop.key, 'ca.crt': authority.ca })).credentials.get(key);
  const bad = build(secret('web', { 'tls.crt': shop.certificate, 'tls.key': other.key, 'ca.crt': authority.ca }));
  assert.deepEqual(said(bad), ['Secret shop/web: tls.key does not fit the certificate: it belongs to another one; the last good one stays in force']);
  assert.equal(bad.credentials.get(key)?.keyPair, first?.keyPair);
  const worse = build(secret('web', { 'tls.crt': other.certificate, 'tls.key': other.key, 'ca.crt': 'hello' })).credentials.get(key);
  assert.equal(worse?.keyPair?.chain, other.certificate);
  assert.equal(worse?.roots, authority.ca);
  assert.equal(build().credentials.size, 0);
  assert.equal(build(secret('web', { 'tls.crt': 'hello', 'tls.key': 'hello' })).credentials.get(key)?.keyPair, undefined);
});

test('unchanged Secrets are the same credentials in the same map, and one that changes leaves the others alone', () => {
  const memo = new BuildMemo();
  const [web, api] = resources(
    secret('web', { 'tls.crt': shop.certificate, 'tls.key': shop.key }),
    secret('api', { 'tls.crt': other.certificate, 'tls.key': other.key }),
  );
  assert.ok(web !== undefined && api !== undefined);
  const first = buildMesh(snapshotOf([web, api]), memo);
  assert.equal(buildMesh(snapshotOf([web, api]), memo).credentials, first.credentials);
  const [renewed] = resources(secret('web', { 'tls.crt': other.certificate, 'tls.key': other.key }));
  assert.ok(renewed !== undefined);
  const second = buildMesh(snapshotOf([renewed, api]), memo);
  assert.equal(second.credentials.get('secret/shop/api'), first.credentials.get('secret/shop/api'));
  assert.notEqual(second.credentials.get('secret/shop/web'), first.credentials.get('secret/shop/web'));
});

test('no way of printing a resource or a mesh shows a key', () => {
  const [resource] = resources(
    secret(
      'web',
      { 'tls.crt': shop.certificate, 'tls.key': shop.key, password: 'hunter2' },
      {
        metadata: { name: 'web', annotations: { 'kubectl.kubernetes.io/last-applied-configuration': `{"tls.key":"${shop.key}"}` } },
      },
    ),
  );
  assert.ok(resource !== undefined);
  const mesh = buildMesh(snapshotOf([resource]));
  const secretLine = shop.key.split('\n')[1] ?? '';
  assert.ok(secretLine.length > 40);
  for (const thing of [resource, mesh.credentials.get('secret/default/web')]) {
    for (const printed of [inspect(thing, { depth: 9 }), JSON.stringify(thing), String(thing)]) {
      assert.ok(!printed.includes(secretLine) && !printed.includes('hunter2'), printed);
    }
  }
  assert.match(JSON.stringify(resource), /"tls\.key":"\[redacted\]"/);
});

async function selfSigned(key: string): Promise<Values> {
  await using folder = await temporaryFolder();
  const file = await folder.write('weak.key', key);
  const { stdout } = await promisify(execFile)('openssl', ['req', '-x509', '-key', file, '-days', '1', '-subj', '/CN=weak']);
  return { 'tls.crt': stdout, 'tls.key': key };
}
