import assert from 'node:assert/strict';
import { test } from 'node:test';
import { publicKeySet, readKeys } from '#base/json-web-keys.ts';
import { jwksOf, makeKey } from '#test/support/token-signer.ts';

test('a key set without private keys stays the text that it is', () => {
  for (const text of [jwksOf(makeKey('RS256', 'a'), makeKey('HS256', 'b')), '{ "keys": [] }', 'no JSON', '{}']) {
    assert.deepEqual(publicKeySet(text), { text, heldPrivate: false });
  }
});

test('of private keys only what verifying needs is kept', () => {
  const keys = ['RS256', 'ES256', 'EdDSA'].map((alg) => makeKey(alg, alg));
  const whole = keys.map(({ secret, kid }) => {
    if (Buffer.isBuffer(secret)) throw new Error('no key of these is a secret');
    return { ...secret.export({ format: 'jwk' }), kid, use: 'sig' };
  });
  const { text, heldPrivate } = publicKeySet(JSON.stringify({ keys: whole }));
  assert.equal(heldPrivate, true);
  assert.deepEqual(JSON.parse(text), { keys: keys.map(({ jwk }) => ({ ...jwk, use: 'sig' })) });
  assert.deepEqual(
    readKeys(text)?.map(({ kid, key }) => [kid, key.type]),
    keys.map(({ kid }) => [kid, 'public']),
  );
});
