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

function kindOf(tls: Partial<ClientTls> | undefined, more: Partial<EncryptedCluster> = {}): string {
  const cluster: EncryptedCluster = {
    service: service('web.shop.svc.cluster.local'),
    meshServerName: 'outbound_.80_._.web.shop.svc.cluster.local',
    protocol: 'http1',
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
  return encryptionOf(whole, cluster).kind;
}

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
  const many = { service: service('*.example.com') };
  assert.equal(kindOf({ mode: 'simple' }, many), 'impossible');
  assert.equal(kindOf({ mode: 'simple', sni: 'a.example.com' }, many), 'always');
  assert.equal(kindOf({ mode: 'simple', insecureSkipVerify: true }, many), 'always');
});
