import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostOf, tlsForHost } from '#decide/request-names.ts';

test('the host of an authority is what stands before its port', () => {
  assert.deepEqual(['a.example', 'a.example:8443', '[2001:db8::1]:80', '[2001:db8::1]', '127.0.0.1:', ''].map(hostOf), [
    'a.example',
    'a.example',
    '2001:db8::1',
    '2001:db8::1',
    '127.0.0.1',
    '',
  ]);
});

test('an address is no server name; what must stand in a certificate is said even where there is no host', () => {
  const tls = {
    sni: 'own.example',
    alpn: [],
    validation: { subjectAltNames: [], certificateHashes: [], keyHashes: [], acceptsUntrusted: false },
    parameters: { cipherSuites: [], curves: [], signatureAlgorithms: [] },
  };
  const named = (host: string) => {
    const { sni, requestedName } = tlsForHost(tls, { sni: true, san: true }, host);
    return [sni, requestedName];
  };
  assert.deepEqual(named('a.example'), ['a.example', 'a.example']);
  assert.deepEqual(named('127.0.0.1'), ['own.example', '127.0.0.1']);
  assert.deepEqual(named(''), ['own.example', '']);
  assert.equal(tlsForHost(tls, { sni: false, san: true }, 'a.example').sni, 'own.example');
  assert.equal('requestedName' in tlsForHost(tls, { sni: true, san: false }, 'a.example'), false);
});
