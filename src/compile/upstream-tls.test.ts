import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type EncryptedCluster, encryptionOf } from '#compile/upstream-tls.ts';
import { defaultSettings } from '#model/build/mesh-settings.ts';
import type { ClientTls } from '#model/destination-rule.ts';
import type { Service } from '#model/service.ts';

const origin = { file: 'tls.yaml', line: 1, col: 1 };

function service(hostname: string): Service {
  return {
    hostname,
    name: hostname,
    namespace: 'shop',
    addresses: [],
    headless: false,
    resolution: 'endpoints',
    registry: 'kubernetes',
    external: false,
    ports: [],
    endpoints: [],
    visibility: { kind: 'everywhere' },
    origin,
  };
}

function encrypt(tls: Partial<ClientTls> | undefined, more: Partial<EncryptedCluster> = {}) {
  const cluster: EncryptedCluster = {
    service: service('web.shop.svc.cluster.local'),
    meshServerName: 'outbound_.80_._.web.shop.svc.cluster.local',
    protocol: 'http1',
    isHttp: true,
    passesThrough: false,
    port: 80,
    mtls: { accounts: [], automatic: true, wholePorts: new Set() },
    hasIdentity: true,
    systemRoots: '/roots.pem',
    secrets: undefined,
    settings: defaultSettings,
    ...more,
  };
  const whole: ClientTls | undefined =
    tls === undefined ? undefined : { mode: 'simple', subjectAltNames: [], insecureSkipVerify: false, origin, ...tls };
  return encryptionOf(whole, cluster);
}

const kindOf = (...[tls, more]: Parameters<typeof encrypt>): string => encrypt(tls, more).kind;

const manual = { accounts: [], automatic: false, wholePorts: new Set<number>() };

test('where no rule says anything each endpoint gets what it can do, if the caller can do it', () => {
  assert.equal(kindOf(undefined), 'by-endpoint');
  assert.equal(kindOf(undefined, { hasIdentity: false }), 'plaintext');
  assert.equal(kindOf(undefined, { mtls: manual }), 'plaintext');
});

test('what goes to where the client meant to go is encrypted where all that is there can do it', () => {
  assert.equal(kindOf(undefined, { passesThrough: true }), 'plaintext');
  assert.equal(kindOf(undefined, { passesThrough: true, mtls: { ...manual, automatic: true, wholePorts: new Set([80]) } }), 'always');
});

test('mutual TLS of the mesh that is asked for is never less', () => {
  assert.equal(kindOf({ mode: 'istio-mutual' }), 'always');
  assert.equal(kindOf({ mode: 'istio-mutual' }, { mtls: manual }), 'always');
  assert.equal(kindOf({ mode: 'istio-mutual' }, { hasIdentity: false }), 'impossible');
});

test('credentials are for those who may have them, and nobody else calls with less', () => {
  const tls = { mode: 'mutual', credentialName: 'bank' } as const;
  assert.equal(kindOf(tls), 'impossible');
  assert.equal(kindOf({ ...tls, mode: 'simple' }), 'impossible');
  assert.equal(kindOf(tls, { secrets: {} }), 'always');
});

test('TLS of its own needs a name that its servers are known by', () => {
  assert.equal(kindOf({ mode: 'simple' }), 'always');
  assert.equal(kindOf({ mode: 'disable' }), 'plaintext');
  const many = { service: service('*.example.com'), isHttp: false };
  assert.equal(kindOf({ mode: 'simple' }, many), 'impossible');
  assert.equal(kindOf({ mode: 'simple' }, { ...many, isHttp: true }), 'always', 'requests say it');
  assert.equal(kindOf({ mode: 'simple', sni: 'a.example.com' }, many), 'always');
  assert.equal(kindOf({ mode: 'simple', insecureSkipVerify: true }, many), 'always');
});

test('without a server name of its own the host of each request is it, and what certificates must be for where nothing else is said', () => {
  const namesOf = (tls: Partial<ClientTls>, more?: Partial<EncryptedCluster>) => {
    const encryption = encrypt({ mode: 'simple', ...tls }, more);
    return encryption.kind === 'always' ? encryption.names : encryption.kind;
  };
  assert.deepEqual(namesOf({}), { sni: true, san: true });
  assert.deepEqual(namesOf({ mode: 'mutual', clientCertificate: '/c.pem', privateKey: '/k.pem' }), { sni: true, san: true });
  assert.deepEqual(namesOf({ subjectAltNames: ['a.example.com'] }), { sni: true, san: false });
  assert.deepEqual(namesOf({}, { service: { ...service('a.example.com'), subjectAltNames: ['b.example.com'] } }), { sni: true, san: false });
  assert.deepEqual(namesOf({ insecureSkipVerify: true }), { sni: true, san: false });
  assert.equal(namesOf({ sni: 'a.example.com' }), undefined);
  assert.equal(namesOf({}, { isHttp: false }), undefined, 'bytes have no host');
  assert.equal(namesOf({ mode: 'istio-mutual' }), undefined);
});
