// Random configurations of the JWT filter, and random requests with tokens of all sorts for them.
import type { JsonObject } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { jwksOf, makeKey, type SigningKey, signToken } from '#test/support/token-signer.ts';

/** Made once per run: making RSA keys takes its time. `outside` is in no set of keys. */
const inside = [
  ...['RS256', 'ES256', 'ES384', 'EdDSA', 'HS256'].map((alg) => makeKey(alg, `key ${alg}`)),
  { ...makeKey('PS256', 'key PS256'), jwk: {} },
].map((key, index, all): SigningKey => (index === all.length - 1 ? { ...(all[0] ?? key), alg: 'PS512' } : key));
const outside = makeKey('ES256', 'key ES256');
const sets = [jwksOf(...inside), jwksOf(...inside.slice(0, 2)), jwksOf(...inside.slice(2))];

const provider: fc.Arbitrary<JsonObject> = fc.record({
  issuer: fc.constantFrom('a', 'b', 'a', 'b', ''),
  audiences: fc.constantFrom<string[]>([], [], ['shop'], ['https://shop/', 'web']),
  local_jwks: fc.constantFrom(...sets).map((inline_string) => ({ inline_string })),
  forward: fc.boolean(),
  from_headers: fc.constantFrom<JsonObject[]>([], [], [{ name: 'X-Token' }], [{ name: 'x-token', value_prefix: 'T ' }]),
  from_params: fc.constantFrom<string[]>([], [], ['token']),
  from_cookies: fc.constantFrom<string[]>([], [], ['token']),
  forward_payload_header: fc.constantFrom('', 'x-payload'),
  pad_forward_payload_header: fc.boolean(),
  payload_in_metadata: fc.constantFrom('payload', 'payload', 'payload', 'other', ''),
  normalize_payload_in_metadata: fc.constantFrom<JsonObject>({}, { space_delimited_claims: ['permission', 'scope'] }),
  claim_to_headers: fc.subarray<JsonObject>([
    { header_name: 'x-sub', claim_name: 'sub' },
    { header_name: 'x-group', claim_name: 'group.id' },
    { header_name: 'x-number', claim_name: 'number' },
  ]),
  clear_route_cache: fc.constantFrom(true, true, false),
});

const names = ['p0', 'p1', 'p2'];

const { requirement } = fc.letrec<{ requirement: JsonObject }>((tie) => ({
  requirement: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(...names).map((provider_name): JsonObject => ({ provider_name })),
    fc.constantFrom(...names).map((provider_name): JsonObject => ({ provider_and_audiences: { provider_name, audiences: ['web'] } })),
    fc.constantFrom<JsonObject>({ allow_missing: {} }, { allow_missing_or_failed: {} }),
    fc.array(tie('requirement'), { minLength: 2, maxLength: 3 }).map((requirements): JsonObject => ({ requires_any: { requirements } })),
    fc.array(tie('requirement'), { minLength: 2, maxLength: 3 }).map((requirements): JsonObject => ({ requires_all: { requirements } })),
  ),
}));

/** As Istio writes it: any of the providers, or of each either a good token or none. */
const optional: JsonObject = {
  requires_any: {
    requirements: [
      ...names.map((provider_name) => ({ provider_name })),
      {
        requires_all: {
          requirements: names.map((provider_name) => ({ requires_any: { requirements: [{ provider_name }, { allow_missing: {} }] } })),
        },
      },
    ],
  },
};

/** envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication. */
export const jwtAuthentication: fc.Arbitrary<JsonObject> = fc
  .tuple(fc.tuple(provider, provider, provider), fc.oneof(fc.constant(optional), requirement), fc.boolean())
  .map(([providers, requires, bypass_cors_preflight]) => ({
    // Which of two providers of one issuer is asked where none is named is left to Envoy's hash table.
    providers: Object.fromEntries(
      providers.map((one, index) => [names[index] ?? '', requires === optional ? one : { ...one, issuer: ['a', 'b', ''][index] ?? '' }]),
    ),
    rules: [{ match: { prefix: '/open' } }, { match: { prefix: '/' }, requires }],
    bypass_cors_preflight,
  }));

/** Far enough from the skew of 60 s that a slow test does not cross it. */
const seconds = fc.constantFrom(-3600, -90, -30, 30, 90, 3600);
const now = (): number => Math.floor(Date.now() / 1000);
const rarely = <Value>(usual: fc.Arbitrary<Value>, odd: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 12, arbitrary: usual }, { weight: 1, arbitrary: odd });
const odd = fc.constantFrom<unknown>(null, -1, 1e30, 'x', ['x', 1], {}, true);

const claims = fc.record(
  {
    iss: rarely(fc.constantFrom('a', 'b', 'a', 'b', 'c'), odd),
    sub: rarely(fc.constantFrom('alice', 'bob', 'zoë'), odd),
    aud: rarely(fc.constantFrom<unknown>('shop', 'http://shop', ['web', 'x'], [], 'other'), odd),
    exp: rarely(
      fc.oneof(fc.constant(3600), seconds).map((from) => now() + from + 0.5),
      odd,
    ),
    nbf: rarely(
      fc.oneof(fc.constant(-3600), seconds).map((from) => now() + from),
      odd,
    ),
    iat: rarely(fc.constant(1), odd),
    jti: rarely(fc.constant('1'), odd),
    scope: fc.constantFrom<unknown>('read write', 'write', ['read'], 7),
    group: fc.constantFrom<unknown>({ id: '1' }, { id: ['1', '2'] }, { id: { deep: 1 } }, 'x'),
    number: fc.constantFrom<unknown>(0, 1.5, -2, 123456789012, true, 'text', [1, 'two']),
  },
  { requiredKeys: ['iss'] },
);

const mutations: readonly ((token: string) => string)[] = [
  (token) => token.slice(0, -8),
  (token) => `${token.slice(0, -4)}${token.endsWith('AAAA') ? 'BBBB' : 'AAAA'}`,
  (token) => token.split('.').slice(0, 2).join('.'),
  (token) => `${token}.x`,
  (token) => `${token}.`,
  (token) => token.replace('.', '..'),
  (token) => token.replace('.', '.!'),
  (token) => token.replace('.', '='),
  (token) => `${token.slice(0, 20)}AA${token.slice(20)}`,
  () => '',
  () => 'x',
];

/** What a token may say in place of the truth. An elliptic key that is said to be a secret is taken by Envoy, and refused here. */
const otherAlgorithms: Readonly<Record<string, string>> = { RS256: 'HS256', PS512: 'HS256', ES256: 'ES384', ES384: 'ES256', HS256: 'HS384' };

const token: fc.Arbitrary<string> = fc
  .record({
    key: fc.constantFrom(...inside, ...inside, outside),
    claims,
    header: fc.constantFrom<'usual' | 'no kid' | 'another kid' | 'no alg' | 'none' | 'another alg'>(
      ...(['usual', 'usual', 'usual', 'usual', 'no kid', 'no kid', 'another kid', 'no alg', 'none', 'another alg'] as const),
    ),
    mutation: fc.oneof({ weight: 6, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.constantFrom(...mutations) }),
    doubled: fc.integer({ min: 0, max: 15 }).map((one) => one === 0),
  })
  .map(({ key, claims: said, header, mutation, doubled }) => {
    const kid = header === 'no kid' ? {} : { kid: header === 'another kid' ? 'x' : key.kid };
    const alg =
      header === 'no alg' ? {} : { alg: header === 'none' ? 'none' : header === 'another alg' ? (otherAlgorithms[key.alg] ?? key.alg) : key.alg };
    const payload = doubled ? JSON.stringify(said).replace('{', '{"iss":"b",') : said;
    const signed = signToken(key, payload, { ...kid, ...alg });
    return mutation === undefined ? signed : mutation(signed);
  });

export type JwtRequest = { readonly method: string; readonly path: string; readonly headers: Readonly<Record<string, string>> };

const sometimes = <Value>(arbitrary: fc.Arbitrary<Value>, weight: number): fc.Arbitrary<Value | undefined> =>
  fc.oneof({ weight, arbitrary }, { weight: 4, arbitrary: fc.constant(undefined) });

export const jwtRequest: fc.Arbitrary<JwtRequest> = fc
  .record({
    method: fc.constantFrom('GET', 'GET', 'GET', 'OPTIONS'),
    path: fc.constantFrom('/', '/a', '/a', '/open'),
    bearer: sometimes(token, 8),
    scheme: fc.constantFrom('Bearer ', 'Bearer ', 'Bearer ', 'Basic ', 'Bearer'),
    header: sometimes(token, 2),
    prefix: fc.constantFrom('', '', 'T '),
    parameter: sometimes(token, 1),
    cookie: sometimes(token, 1),
    spoofs: fc.boolean(),
    preflight: fc.boolean(),
  })
  .map(({ method, path, bearer, scheme, header, prefix, parameter, cookie, spoofs, preflight }) => ({
    method,
    path: parameter === undefined ? path : `${path}?q=1&token=${parameter}&access_token=${parameter}&b=2`,
    headers: {
      ...(bearer !== undefined && { authorization: scheme + bearer }),
      ...(header !== undefined && { 'x-token': prefix + header }),
      ...(cookie !== undefined && { cookie: `a=b; token=${cookie}` }),
      ...(spoofs && { 'x-sub': 'spoofed', 'x-payload': 'spoofed' }),
      ...(preflight && { origin: 'https://a', 'access-control-request-method': 'GET' }),
    },
  }));
