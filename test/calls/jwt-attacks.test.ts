// Tokens that try to be taken for good ones, on both data planes: each is refused with 401 and a reason, and nothing breaks. Where Envoy is laxer than
// RFC 8725 asks, the row says so, and the embedded proxy is not.
import assert from 'node:assert/strict';
import { createHmac, createPublicKey } from 'node:crypto';
import { test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { withJwtListeners } from '#test/calls/jwt-stage.ts';
import type { DataPlane } from '#test/calls/live-proxy.ts';
import { KeptCalls } from '#test/support/both-planes.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { jwksOf, makeKey, signToken } from '#test/support/token-signer.ts';

const rsa = makeKey('RS256', 'rsa');
const ec = makeKey('ES256', 'ec');
const ed = makeKey('EdDSA', 'ed');
const stranger = makeKey('RS256', 'rsa');
const claims = { iss: 'mesh', sub: 'alice' };
const nowSeconds = Math.floor(Date.now() / 1000);

const config: JsonObject = {
  providers: {
    p: {
      issuer: 'mesh',
      audiences: ['shop'],
      local_jwks: { inline_string: jwksOf(rsa, ec, ed) },
      payload_in_metadata: 'payload',
      clear_route_cache: true,
    },
  },
  rules: [{ match: { prefix: '/' }, requires: { requires_any: { requirements: [{ provider_name: 'p' }, { allow_missing: {} }] } } }],
};

const part = (value: unknown): string => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const good = { ...claims, aud: 'shop', exp: nowSeconds + 7200 };
const parts = (token: string): readonly [string, string, string] => {
  const [header = '', payload = '', signature = ''] = token.split('.');
  return [header, payload, signature];
};

/** A token that is signed with the public key, as text, for a secret. */
function confused(form: 'pem' | 'jwk' | 'der'): string {
  const secret = rsa.secret;
  if (Buffer.isBuffer(secret)) throw new Error('an RSA key is no secret');
  const key = createPublicKey(secret);
  const bytes = form === 'jwk' ? JSON.stringify(key.export({ format: 'jwk' })) : key.export({ format: form, type: 'spki' });
  const text = `${part({ alg: 'HS256', kid: 'rsa' })}.${part(good)}`;
  return `${text}.${createHmac('sha256', bytes).update(text).digest('base64url')}`;
}

const [header, payload, signature] = parts(signToken(rsa, good));
const withHeader = (fields: Record<string, unknown>): string => signToken(stranger, good, { alg: 'RS256', kid: 'rsa', ...fields });

const attacks: readonly (readonly [name: string, token: string, reason: RegExp, status?: number])[] = [
  ['alg none, without a signature', `${part({ alg: 'none' })}.${part(good)}.`, /two dots and 3 sections/],
  ['alg none, with something', `${part({ alg: 'none' })}.${part(good)}.AA`, /\[alg\] is not supported/],
  ['alg NONE', `${part({ alg: 'NONE' })}.${part(good)}.AA`, /\[alg\] is not supported/],
  ['alg of the wrong type', `${part({ alg: ['RS256'] })}.${payload}.${signature}`, /\[alg\] field is required/],
  ['no alg', `${part({ kid: 'rsa' })}.${payload}.${signature}`, /\[alg\] field is required/],
  ['the public key as a secret, PEM', confused('pem'), /fails|no key|doesn't have key/],
  ['the public key as a secret, JWK', confused('jwk'), /fails|doesn't have key/],
  ['the public key as a secret, DER', confused('der'), /fails|doesn't have key/],
  ['a key that is none of the set', signToken({ ...stranger, kid: 'x' }, good), /doesn't have key to match kid/],
  ['another key under the name of one', signToken(stranger, good), /verification fails/],
  ['another key without a name', signToken(stranger, good, { alg: 'RS256' }), /verification fails|wrong length/],
  ['a key of its own in the header (jwk)', withHeader({ jwk: stranger.jwk }), /verification fails/],
  ['an address of keys in the header (jku)', withHeader({ jku: 'http://127.0.0.1:1/keys' }), /verification fails/],
  ['an address of certificates in the header (x5u)', withHeader({ x5u: 'http://127.0.0.1:1/cert' }), /verification fails/],
  ['a name of a key that is a path', signToken(stranger, good, { alg: 'RS256', kid: '../../../dev/null' }), /doesn't have key/],
  ['a name of a key that is SQL', signToken(stranger, good, { alg: 'RS256', kid: "' or 1=1 --" }), /doesn't have key/],
  ['a name of a key that is no text', signToken(stranger, good, { alg: 'RS256', kid: { a: 1 } }), /\[kid\] field is not a string/],
  ['expired', signToken(rsa, { ...good, exp: nowSeconds - 61 - 30 }), /expired/],
  ['not yet valid', signToken(rsa, { ...good, nbf: nowSeconds + 3600 }), /not yet valid/],
  ['an end that is text', signToken(rsa, { ...good, exp: '99999999999' }), /\[exp\] field is not an integer/],
  ['an end before time', signToken(rsa, { ...good, exp: -1 }), /\[exp\] field is not a positive/],
  ['an end beyond numbers', signToken(rsa, JSON.stringify(good).replace(/"exp":\d+/, '"exp":1e400')), /payload is an invalid JSON/],
  ['another issuer', signToken(rsa, { ...good, iss: 'other' }), /issuer is not configured/],
  ['an issuer that is a list', signToken(rsa, { ...good, iss: ['mesh'] }), /\[iss\] field is not a string/],
  ['for somebody else', signToken(rsa, { ...good, aud: 'other' }), /Audiences/, 403],
  ['for nobody', signToken(rsa, claims), /Audiences/, 403],
  ['a claim twice', signToken(rsa, `{"iss":"mesh","aud":"shop","sub":"bob","sub":"alice"}`), /payload is an invalid JSON/],
  ['a claim twice, once escaped', signToken(rsa, `{"iss":"mesh","aud":"shop","sub":"bob","\\u0073ub":"alice"}`), /payload is an invalid JSON/],
  ['an alg twice', `${part('{"alg":"none","alg":"RS256","kid":"rsa"}')}.${payload}.${signature}`, /header is an invalid JSON/],
  ['a payload that was changed', `${header}.${part({ ...good, sub: 'admin' })}.${signature}`, /verification fails/],
  ['a header that was changed', `${part({ alg: 'RS512', kid: 'rsa' })}.${payload}.${signature}`, /verification fails/],
  ['a signature that was cut', `${header}.${payload}.${signature.slice(0, 40)}`, /verification fails/],
  ['no signature', `${header}.${payload}.`, /two dots and 3 sections/],
  ['a signature of zeros for an elliptic key', `${part({ alg: 'ES256', kid: 'ec' })}.${part(good)}.${'A'.repeat(86)}`, /verification fails/],
  ['an elliptic signature of another length', `${part({ alg: 'ES256', kid: 'ec' })}.${part(good)}.${'A'.repeat(40)}`, /verification fails/],
  ['an Ed25519 signature of another length', `${part({ alg: 'EdDSA', kid: 'ed' })}.${part(good)}.AAAA`, /wrong length/],
  ['one section more', `${header}.${payload}.${signature}.${signature}`, /two dots and 3 sections/],
  ['bad base64 in the header', `${header.slice(0, 5)}!${header.slice(5)}.${payload}.${signature}`, /header is an invalid Base64url/],
  ['bad base64 in the payload', `${header}.${payload}$.${signature}`, /payload is an invalid Base64url/],
  ['bad base64 in the signature', `${header}.${payload}.${signature}*`, /signature is an invalid Base64url/],
  ['base64 of the other alphabet', `${header}.${payload}.${signature.slice(0, -2)}+/`, /signature is an invalid Base64url/],
  ['a header that is a list', `${part([])}.${payload}.${signature}`, /header is an invalid JSON/],
  ['a payload that is text', signToken(rsa, '"mesh"'), /payload is an invalid JSON/],
  ['a payload that is nothing', signToken(rsa, 'null'), /payload is an invalid JSON|issuer is not configured/],
  ['a payload of broken UTF-8', `${header}.${Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url')}.${signature}`, /payload is an invalid JSON/],
  ['lists within lists without end', signToken(rsa, `{"iss":"mesh","x":${'['.repeat(3000)}${']'.repeat(3000)}}`), /payload is an invalid JSON/],
  ['an encrypted token', `${part({ alg: 'RSA-OAEP', enc: 'A256GCM' })}.AA.AA.AA.AA`, /two dots and 3 sections/],
  ['dots', '....', /two dots and 3 sections/],
  ['a huge token', `${header}.${'A'.repeat(60_000)}.${signature}`, /payload is an invalid|verification fails/],
];

for (const plane of ['embedded', 'envoy'] as const) {
  const title = `tokens that try to be taken for good ones are refused: ${plane === 'envoy' ? 'Envoy' : 'embedded proxy'}`;
  if (plane === 'envoy') envoyTest(title, (binary) => attack({ kind: 'envoy', binary }));
  else void test(title, () => attack({ kind: 'embedded' }));
}

async function attack(plane: DataPlane): Promise<void> {
  await withJwtListeners(plane, [config], async (_, port) => {
    using calls = new KeptCalls(port);
    const call = (token: string) => calls.get('/', { host: 'shop.example', authorization: `Bearer ${token}` });
    for (const key of [rsa, ec, ed]) assert.equal((await call(signToken(key, good))).body, 'sub is alice', `${key.alg}: a good one passes`);
    for (const [name, token, reason, status = 401] of attacks) {
      const answer = await call(token);
      assert.equal(answer.status, status, `${name}: ${answer.body}`);
      assert.match(answer.body, reason, name);
      assert.match(answer.headers['www-authenticate'] ?? '', /^Bearer realm="http:\/\/shop\.example\/", error="invalid_token"$/, name);
    }
    assert.equal((await call(signToken(rsa, good))).status, 200, 'and a good one still passes');
    const grpc = await calls.get('/', { host: 'shop.example', authorization: 'Bearer x', 'content-type': 'application/grpc' });
    assert.deepEqual([grpc.status, grpc.headers['grpc-status']], [200, '16'], 'gRPC clients are told UNAUTHENTICATED');
    assert.match(decodeURIComponent(grpc.headers['grpc-message'] ?? ''), /two dots and 3 sections/);
    assert.match(grpc.headers['www-authenticate'] ?? '', /invalid_token/);
  });
}

test('the embedded proxy alone refuses a signature under the name of an algorithm that is not the key’s', async () => {
  await withJwtListeners({ kind: 'embedded' }, [config], async (_, port) => {
    using calls = new KeptCalls(port);
    for (const alg of ['HS256', 'RS256', 'ES512']) {
      const token = signToken(ed, good, { alg, kid: 'ed' });
      const answer = await calls.get('/', { host: 'shop.example', authorization: `Bearer ${token}` });
      assert.deepEqual([answer.status, answer.body], [401, 'Jwt verification fails'], alg);
    }
  });
});
