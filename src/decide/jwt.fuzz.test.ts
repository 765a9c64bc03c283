// Whatever comes as a token: it is refused or it is good, and nothing is thrown. The seed is printed with a failure.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonValue } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { Problems } from '#decide/config-error.ts';
import { compileJwt } from '#decide/jwt.ts';
import { changedRequest } from '#decide/jwt-head.ts';
import { runJwt } from '#decide/jwt-run.ts';
import type { RequestView } from '#decide/views.ts';
import { JwtAuthenticationSchema } from '#envoy/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js';
import { jwksOf, makeKey, namedKey, signToken } from '#test/support/token-signer.ts';

const seed = Number(process.env['HEDDLE_SEED'] ?? 20_260_601);
const keys = [namedKey('a'), makeKey('HS256', 'b'), makeKey('EdDSA', 'c')];

const entry = compileJwt(
  fromJson(JwtAuthenticationSchema, {
    providers: {
      p: {
        local_jwks: { inline_string: jwksOf(...keys) },
        payload_in_metadata: 'payload',
        normalize_payload_in_metadata: { space_delimited_claims: ['scope', '__proto__', 'constructor'] },
        claim_to_headers: [
          { header_name: 'x-a', claim_name: 'a' },
          { header_name: 'x-b', claim_name: '__proto__.a' },
          { header_name: 'x-c', claim_name: 'constructor.name' },
        ],
        from_headers: [{ name: 'authorization', value_prefix: 'Bearer ' }, { name: 'x-token' }],
        from_params: ['token'],
        from_cookies: ['token'],
      },
    },
    rules: [{ match: { prefix: '/' }, requires: { provider_name: 'p' } }],
  }),
  'jwt',
  new Problems(''),
);

const section = fc.oneof(
  fc.string(),
  fc.json().map((text) => Buffer.from(text).toString('base64url')),
  fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('base64url')),
  fc.dictionary(fc.constantFrom('alg', 'kid', 'iss', 'exp', 'aud', 'a', '__proto__', 'constructor'), fc.jsonValue()).map((claims) => {
    return Buffer.from(JSON.stringify({ alg: 'ES256', ...claims })).toString('base64url');
  }),
);
const signed = fc
  .tuple(fc.constantFrom(...keys), fc.dictionary(fc.constantFrom('iss', 'sub', 'a', 'scope', '__proto__', 'constructor', 'toString'), fc.jsonValue()))
  .map(([key, claims]) => signToken(key, claims));
const token = fc.oneof(
  fc.array(section, { maxLength: 5 }).map((sections) => sections.join('.')),
  fc.string(),
  signed,
);

const request = fc
  .record({ where: fc.constantFrom('authorization', 'x-token', 'cookie', 'query'), token, around: fc.string() })
  .map(({ where, ...text }): RequestView => {
    const value = where === 'authorization' ? `Bearer ${text.token}` : where === 'cookie' ? `${text.around}; token=${text.token}` : text.token;
    const path = where === 'query' ? `/?${encodeURIComponent(text.around)}&token=${encodeURI(text.token)}` : '/';
    return { method: 'GET', scheme: 'http', authority: 'a', path, header: (name) => (name === where ? value : undefined) };
  });

test(`no token breaks the filter (seed ${seed})`, () => {
  const met = { good: 0, refused: 0 };
  fc.assert(
    fc.property(request, (view) => {
      const { failure, changes, metadata } = runJwt(entry, view, 1_800_000_000_000, false);
      if (failure === undefined) met.good += 1;
      else met.refused += 1;
      const changed = changedRequest(view, changes, undefined);
      assert.ok(changed.path.startsWith('/') && !/[\s]/.test(changed.path));
      // What a token says changes nothing but what is known of this request.
      assert.equal(({} as Record<string, JsonValue>)['a'], undefined);
      if (metadata !== undefined) assert.deepEqual(Object.keys(metadata), ['payload']);
    }),
    { seed, numRuns: 1500 },
  );
  assert.ok(met.good > 100 && met.refused > 100, JSON.stringify(met));
});
