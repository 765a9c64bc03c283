import assert from 'node:assert/strict';
import { createHmac, sign } from 'node:crypto';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { SecretText } from '#base/secret-text.ts';
import { issueToken, makeTokenKey, readTokenKey, type TokenKey, verifyToken } from '#ca/token.ts';

const identity = { trustDomain: 'cluster.local', namespace: 'default', serviceAccount: 'hello' };
const nowMs = 1_700_000_000_000;

function newKey(): TokenKey {
  const key = readTokenKey(makeTokenKey());
  assert.ok(key.ok);
  return key.value;
}

const key = newKey();
const good = { iss: 'heddle', sub: 'spiffe://cluster.local/ns/default/sa/hello', aud: 'istio-ca', iat: nowMs / 1000, exp: nowMs / 1000 + 3600 };

type Json = Readonly<Record<string, unknown>>;

function forge(header: Json, claims: Json | string, signWith: (text: string) => Buffer = byKey(key)): SecretText {
  const part = (value: Json | string) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
  const text = `${part(header)}.${part(claims)}`;
  return new SecretText(`${text}.${signWith(text).toString('base64url')}`);
}

function byKey({ privateKey }: TokenKey): (text: string) => Buffer {
  return (text) => sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' });
}

test('a token says who it is for until it expires, and prints as nothing', async () => {
  const token = await issueToken(key, { identity, pod: 'hello-v1' }, 60_000, nowMs);
  const read = await verifyToken(key, token, nowMs);
  assert.deepEqual(read, { ok: true, value: { identity, pod: 'hello-v1', untilMs: Math.floor(nowMs / 1000) * 1000 + 120_000 } });
  assert.equal(inspect({ token, key }).includes(token.reveal().slice(0, 20)), false);
  const later = await verifyToken(key, token, nowMs + 60_000 + 61_000);
  assert.deepEqual(later, { ok: false, error: 'the token has expired' });
});

test('a token that somebody else made, or for something else, is refused with the reason', async () => {
  const es256 = { alg: 'ES256' };
  const cases: readonly (readonly [string, SecretText, RegExp])[] = [
    ['garbage', new SecretText('hello'), /cannot be read/],
    ['nothing in three parts', new SecretText('..'), /cannot be read/],
    ['huge', new SecretText(`${'a'.repeat(1_000_000)}.b.c`), /cannot be read/],
    ['another key', forge(es256, good, byKey(newKey())), /not signed by this control plane/],
    ['no signature', forge({ alg: 'none' }, good, () => Buffer.alloc(0)), /another way|cannot be read/],
    ['the public key as a password', forge({ alg: 'HS256' }, good, hmac()), /another way/],
    ['another algorithm', forge({ alg: 'ES384' }, good), /another way/],
    ['an extension that must be known', forge({ alg: 'ES256', crit: ['x'], x: 1 }, good), /cannot be read/],
    ['claims that are no JSON', forge(es256, 'hello'), /cannot be read/],
    ['another audience', forge(es256, { ...good, aud: 'other' }), /another audience/],
    ['no audience', forge(es256, without('aud')), /another audience/],
    ['another issuer', forge(es256, { ...good, iss: 'other' }), /claim iss/],
    ['no end', forge(es256, without('exp')), /claim exp/],
    ['not yet', forge(es256, { ...good, nbf: nowMs / 1000 + 3600 }), /claim nbf/],
    ['nobody', forge(es256, { ...good, sub: 'system:admin' }), /for nobody/],
  ];
  for (const [name, token, reason] of cases) {
    const read = await verifyToken(key, token, nowMs);
    assert.ok(!read.ok, name);
    assert.match(read.error, reason, name);
    assert.ok(!read.error.includes(token.reveal().slice(0, 30)) || token.reveal().length < 10, name);
  }
  assert.ok((await verifyToken(key, forge(es256, good), nowMs)).ok, 'the forger can make good ones');
});

function hmac(): (text: string) => Buffer {
  const password = key.publicKey.export({ format: 'pem', type: 'spki' });
  return (text) => createHmac('sha256', password).update(text).digest();
}

function without(claim: keyof typeof good): Json {
  return Object.fromEntries(Object.entries(good).filter(([name]) => name !== claim));
}

test('a key of another kind is refused without being quoted', () => {
  assert.deepEqual(readTokenKey('hello'), { ok: false, error: 'it holds no private key in PEM' });
});

test('a token for the members of a group says which', async () => {
  const token = await issueToken(key, { identity, workloadGroup: 'machines' }, 60_000, nowMs);
  const read = await verifyToken(key, token, nowMs);
  assert.equal(read.ok && read.value.workloadGroup, 'machines');
  const bent = await verifyToken(key, forge({ alg: 'ES256' }, { ...good, workloadGroup: 7 }), nowMs);
  assert.deepEqual(bent, { ok: false, error: 'the token is for nobody' });
});
