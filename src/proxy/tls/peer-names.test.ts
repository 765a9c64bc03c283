import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSubjectAltName } from '#proxy/tls/peer-names.ts';

test('names are told apart by kind', () => {
  assert.deepEqual(parseSubjectAltName('URI:spiffe://mesh/ns/a/sa/b, DNS:a.example, DNS:*.b.example, IP Address:127.0.0.1, email:x@y.z'), {
    uris: ['spiffe://mesh/ns/a/sa/b'],
    dnsNames: ['a.example', '*.b.example'],
    emails: ['x@y.z'],
    addresses: ['127.0.0.1'],
  });
});

test('a name that imitates a separator stays one name', () => {
  assert.deepEqual(parseSubjectAltName('URI:"spiffe://mesh/x, DNS:evil.example", DNS:a.example'), {
    uris: ['spiffe://mesh/x, DNS:evil.example'],
    dnsNames: ['a.example'],
    emails: [],
    addresses: [],
  });
});

test('no names at all', () => {
  assert.deepEqual(parseSubjectAltName(''), { uris: [], dnsNames: [], emails: [], addresses: [] });
});
