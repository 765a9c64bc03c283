// The JWT filter in decide: what is verified is what jose says is good, of all algorithms; what was verified is remembered, and only for its time.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { createLocalJWKSet, errors, jwtVerify } from 'jose';
import { Problems } from '#decide/config-error.ts';
import { compileJwt } from '#decide/jwt.ts';
import type { JwtEntry } from '#decide/jwt-entry.ts';
import { type JwtResult, runJwt } from '#decide/jwt-run.ts';
import type { RequestView } from '#decide/views.ts';
import { JwtAuthenticationSchema } from '#envoy/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js';
import { jwksOf, makeKey, namedKey, type SigningKey, signToken } from '#test/support/token-signer.ts';

const nowMs = 1_800_000_000_000;
const now = nowMs / 1000;

function entryOf(provider: JsonObject, problems = new Problems('')): JwtEntry {
  const config = {
    providers: { p: { issuer: 'mesh', payload_in_metadata: 'payload', ...provider } },
    rules: [{ match: { prefix: '/' }, requires: { provider_name: 'p' } }],
  };
  return compileJwt(fromJson(JwtAuthenticationSchema, config), 'jwt', problems);
}

const inline = (...keys: readonly SigningKey[]): JsonObject => ({ local_jwks: { inline_string: jwksOf(...keys) } });

function requestWith(headers: Readonly<Record<string, string>>, path = '/'): RequestView {
  return { method: 'GET', scheme: 'http', authority: 'a', path, header: (name) => headers[name] };
}

function run(entry: JwtEntry, token: string, timeMs = nowMs): JwtResult {
  return runJwt(entry, requestWith({ authorization: `Bearer ${token}` }), timeMs, false);
}

const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'HS256', 'HS384', 'HS512'];

for (const alg of algorithms) {
  test(`${alg} is verified as jose verifies it`, async () => {
    const key = { ...makeKey(alg, 'k'), alg };
    const token = signToken(key, { iss: 'mesh', sub: 'alice', exp: now + 60 });
    const set = createLocalJWKSet(JSON.parse(jwksOf(key)) as { keys: [] });
    const judged = await jwtVerify(token, alg.startsWith('HS') ? (key.secret as Uint8Array) : set, { currentDate: new Date(nowMs) });
    assert.equal(judged.payload.sub, 'alice');
    const result = run(entryOf(inline(key)), token);
    assert.equal(result.failure, undefined);
    assert.deepEqual(result.metadata, { payload: judged.payload });
    const [header, payload, signature = ''] = token.split('.');
    const bent = `${header}.${payload}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
    await assert.rejects(
      jwtVerify(bent, alg.startsWith('HS') ? (key.secret as Uint8Array) : set, { currentDate: new Date(nowMs) }),
      errors.JWSSignatureVerificationFailed,
    );
    assert.equal(run(entryOf(inline(key)), bent).failure, 'Jwt verification fails');
  });
}

test('a token is good from its beginning to its end, and a minute around', () => {
  const entry = entryOf(inline(namedKey('a')));
  const token = signToken(namedKey('a'), { iss: 'mesh', nbf: now, exp: now + 100 });
  const at = (seconds: number) => run(entry, token, (now + seconds) * 1000).failure;
  assert.deepEqual([-61, -60, 0, 100, 160, 161].map(at), ['Jwt not yet valid', undefined, undefined, undefined, undefined, 'Jwt is expired']);
  // Remembered as good meanwhile.
  assert.deepEqual([-61, 0, 161, 50].map(at), ['Jwt not yet valid', undefined, 'Jwt is expired', undefined]);
});

test('what is remembered is of one provider, and of the token as a whole', () => {
  const [entry, other] = [entryOf(inline(namedKey('a'))), entryOf(inline(namedKey('b')))];
  const token = signToken(namedKey('a'), { iss: 'mesh' });
  assert.equal(run(entry, token).failure, undefined);
  assert.equal(run(entry, token).failure, undefined);
  assert.equal(run(other, token).failure, "Jwks doesn't have key to match kid or alg from Jwt");
  assert.equal(run(entry, `${token}A`).failure, 'Jwt verification fails');
  assert.equal(run(entry, `${token.slice(0, -2)}AA`).failure, 'Jwt verification fails');
});

test('a header of claims is of the provider that looked last: where that finds no token there is none', () => {
  const local = inline(namedKey('a'));
  const config = {
    providers: {
      one: { issuer: 'mesh', claim_to_headers: [{ header_name: 'x-sub', claim_name: 'sub' }], ...local },
      two: { issuer: 'mesh', claim_to_headers: [{ header_name: 'X-Sub', claim_name: 'sub' }], from_headers: [{ name: 'x-other' }], ...local },
    },
    rules: [
      {
        match: { prefix: '/' },
        requires: {
          requires_any: {
            requirements: [{ requires_all: { requirements: [{ provider_name: 'one' }, { provider_name: 'two' }] } }, { allow_missing: {} }],
          },
        },
      },
    ],
  };
  const entry = compileJwt(fromJson(JwtAuthenticationSchema, config), 'jwt', new Problems(''));
  const authorization = `Bearer ${signToken(namedKey('a'), { iss: 'mesh', sub: 'alice' })}`;
  const { failure, changes } = runJwt(entry, requestWith({ authorization, 'x-sub': 'forged' }), nowMs, false);
  assert.equal(failure, undefined);
  assert.deepEqual(changes, { removed: ['x-sub', 'authorization'], added: [], path: undefined });
});

test('however many tokens come, only the last few are remembered', () => {
  const key = makeKey('HS256', 'k');
  const entry = entryOf(inline(key));
  const rule = entry.rules[0]?.requires;
  assert.ok(rule?.kind === 'provider');
  const tokens = Array.from({ length: 600 }, (_, index) => signToken(key, { iss: 'mesh', jti: String(index) }));
  for (const token of tokens) assert.equal(run(entry, token).failure, undefined);
  const known = tokens.filter((token) => rule.provider.verified.find(token, now) !== undefined);
  assert.deepEqual(known, tokens.slice(-512));
});

const keySets: readonly (readonly [name: string, text: string])[] = [
  ['no JSON', 'keys'],
  ['a list', '[]'],
  ['without keys', '{}'],
  ['an empty set', '{"keys":[]}'],
  ['keys that are none', '{"keys":[1,"a",null,{}]}'],
  ['an RSA key without a modulus', '{"keys":[{"kty":"RSA","e":"AQAB"}]}'],
  ['an RSA key of a strange exponent', JSON.stringify({ keys: [{ ...makeKey('RS256', 'k').jwk, e: 'Ag' }] })],
  ['a point that is not on the curve', '{"keys":[{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}]}'],
  ['a curve that does not fit the algorithm', JSON.stringify({ keys: [{ ...makeKey('ES256', 'k').jwk, alg: 'ES384' }] })],
  ['an algorithm of another kind', JSON.stringify({ keys: [{ ...makeKey('RS256', 'k').jwk, alg: 'HS256' }] })],
  ['an unknown kind', '{"keys":[{"kty":"XYZ"}]}'],
  ['the set twice', `{"keys":[],"keys":${JSON.stringify([namedKey('a').jwk])}}`],
];

for (const [name, text] of keySets) {
  test(`a key set is refused with the configuration: ${name}`, () => {
    const problems = new Problems('');
    const entry = entryOf({ local_jwks: { inline_string: text } }, problems);
    assert.deepEqual(
      problems.errors.map(({ field }) => field),
      ['jwt.providers["p"].local_jwks'],
    );
    assert.notEqual(run(entry, signToken(namedKey('a'), { iss: 'mesh' })).failure, undefined);
  });
}

test('of a set the keys that can be used count, whatever stands beside them', () => {
  const text = JSON.stringify({ keys: [{ kty: 'XYZ' }, namedKey('a').jwk, { kty: 'RSA' }] });
  assert.equal(run(entryOf({ local_jwks: { inline_string: text } }), signToken(namedKey('a'), { iss: 'mesh' })).failure, undefined);
});

test('keys that would have to be fetched are refused', () => {
  const problems = new Problems('');
  entryOf({ remote_jwks: { http_uri: { uri: 'http://a/keys', cluster: 'a', timeout: '1s' } } }, problems);
  assert.match(problems.errors[0]?.message ?? '', /this proxy fetches no keys/);
});
