import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectionFailure } from '#base/connection-failure.ts';

test('why no connection came about is said without the frame of the library', () => {
  const failure = (reason: string): string =>
    connectionFailure(`14 UNAVAILABLE: No connection established. Last error: ${reason}. Resolution note: `);
  assert.equal(failure('Failed to connect (2026-11-23T15:59:33.792Z)'), '14 UNAVAILABLE: Failed to connect');
  assert.equal(failure('connect ECONNREFUSED 127.0.0.1:15012'), '14 UNAVAILABLE: connect ECONNREFUSED 127.0.0.1:15012');
  assert.equal(
    failure('Error: self-signed certificate in certificate chain'),
    '14 UNAVAILABLE: self-signed certificate in certificate chain: none of the roots that were given vouches for the server',
  );
  assert.equal(connectionFailure('16 UNAUTHENTICATED: the token has expired'), '16 UNAUTHENTICATED: the token has expired');
});
