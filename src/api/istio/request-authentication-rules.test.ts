import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readText } from '#api/read-text.ts';
import { jwksOf, namedKey } from '#test/support/token-signer.ts';

function problems(spec: string): readonly string[] {
  const text = `apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: { name: x }\nspec: ${spec}\n`;
  return readText('x.yaml', text).items.flatMap(({ diagnostics }) => diagnostics.map(({ code, message }) => `${code} ${message}`));
}

const keys = jwksOf(namedKey('a'));

const refused: readonly (readonly [spec: string, reason: RegExp])[] = [
  ['{ jwtRules: [{ audiences: [a] }] }', /needs an issuer, or keys/],
  ['{ jwtRules: [{ issuer: "" }] }', /issuer/],
  ['{ jwtRules: [{ issuer: a, audiences: [""] }] }', /audiences/],
  ['{ jwtRules: [{ issuer: a, jwksUri: "ftp://a/keys" }] }', /no URL of http or https/],
  ['{ jwtRules: [{ issuer: a, jwks_uri: "/keys" }] }', /no URL of http or https/],
  [`{ jwtRules: [{ issuer: a, jwksUri: "http://a/${'k'.repeat(2048)}" }] }`, /longer than 2048/],
  [`{ jwtRules: [{ issuer: a, jwksUri: "http://a/k", jwks: '${keys}' }] }`, /jwksUri|jwks/],
  ['{ jwtRules: [{ issuer: a, jwks: "{}" }] }', /no key set with a key that can be used/],
  ['{ jwtRules: [{ issuer: a, jwks: \'{"keys":[{"kty":"RSA","n":"AQAB","e":"Ag"}]}\' }] }', /no key set with a key that can be used/],
  ['{ jwtRules: [{ issuer: a, fromHeaders: [{ prefix: "T " }] }] }', /name/],
  ['{ jwtRules: [{ issuer: a, fromHeaders: [{ name: "a b" }] }] }', /a b is no name of a header/],
  ['{ jwtRules: [{ issuer: a, fromParams: [""] }] }', /fromParams/],
  ['{ jwtRules: [{ issuer: a, fromCookies: [""] }] }', /fromCookies/],
  ['{ jwtRules: [{ issuer: a, outputPayloadToHeader: "x y" }] }', /x y is no name of a header/],
  ['{ jwtRules: [{ issuer: a, outputClaimToHeaders: [{ header: "x.y", claim: sub }] }] }', /x\.y is no name of a header/],
  ['{ jwtRules: [{ issuer: a, outputClaimToHeaders: [{ header: x-user }] }] }', /claim/],
  ['{ jwtRules: [{ issuer: a, timeout: 0s }] }', /timeout/],
  ['{ selector: { matchLabels: { app: "*" } }, jwtRules: [{ issuer: a }] }', /wildcard/],
  ['{ selector: {}, targetRefs: [{ kind: Service, name: a }] }', /selector|targetRefs/],
  ['{ targetRef: { kind: Pod, name: a } }', /cannot be for a Pod/],
];

for (const [spec, reason] of refused) {
  test(`RequestAuthentication ${spec.slice(0, 90)} is refused`, () => {
    const found = problems(spec);
    assert.ok(found.length > 0 && found.every((one) => one.startsWith('IST0106') || one.startsWith('HDL0011')), found.join('\n'));
    assert.match(found.join('\n'), reason);
  });
}

test('a RequestAuthentication with everything is taken without a word', () => {
  const rule = `{ issuer: a, audiences: [b], jwks: '${keys}', fromHeaders: [{ name: X-T, prefix: 'T ' }], fromParams: [t], fromCookies: [t], outputPayloadToHeader: x-p,
    forwardOriginalToken: true, outputClaimToHeaders: [{ header: x_user, claim: a.b }], timeout: 2s, spaceDelimitedClaims: [groups] }`;
  const byUri = '{ jwksUri: "https://a/keys" }';
  assert.deepEqual(problems(`{ selector: { matchLabels: { app: a } }, jwtRules: [${rule}, ${byUri}, { issuer: "https://a" }] }`), []);
  assert.deepEqual(problems('{}'), []);
});

test('presence, which Istio does not read either, is taken, and said to have no effect', () => {
  const [found, ...others] = problems(`{ jwtRules: [{ issuer: a, jwks: '${keys}', presence: REQUIRED }] }`);
  assert.match(found ?? '', /HDL0012 .*presence/);
  assert.deepEqual(others, []);
});
