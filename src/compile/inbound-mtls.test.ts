import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chainKinds, inboundMode, mtlsText } from '#compile/inbound-mtls.ts';
import type { MtlsMode } from '#model/effective-mtls.ts';
import type { Protocol } from '#model/protocol.ts';

/** `http tls ends istio+3`: what the chain carries, how it comes, and how many names of ALPN it takes. */
function kindsOf(mode: MtlsMode, protocol: Protocol): readonly string[] {
  return chainKinds(mode, protocol).map(({ content, transport, applicationProtocols, ends }) =>
    [content, transport, ...(ends ? ['ends'] : []), ...(applicationProtocols.length > 0 ? [String(applicationProtocols.length)] : [])].join(' '),
  );
}

test('a permissive port takes mutual TLS and plaintext, and passes the TLS of apps through where it takes bytes', () => {
  assert.deepEqual(kindsOf('permissive', 'http'), ['http tls ends 5', 'http raw_buffer']);
  assert.deepEqual(kindsOf('permissive', 'tcp'), ['bytes tls ends 5', 'bytes raw_buffer', 'bytes tls']);
  assert.deepEqual(kindsOf('permissive', 'auto'), ['http tls ends 3', 'http raw_buffer 3', 'bytes tls ends 2', 'bytes raw_buffer', 'bytes tls']);
});

test('a strict port takes mutual TLS only', () => {
  assert.deepEqual(kindsOf('strict', 'grpc'), ['http tls ends']);
  assert.deepEqual(kindsOf('strict', 'tls'), ['bytes tls ends']);
  assert.deepEqual(kindsOf('strict', 'auto'), ['http tls ends 3', 'bytes tls ends']);
});

test('a disabled port ends no TLS', () => {
  assert.deepEqual(kindsOf('disable', 'http2'), ['http raw_buffer']);
  assert.deepEqual(kindsOf('disable', 'tcp'), ['bytes raw_buffer']);
  assert.deepEqual(kindsOf('disable', 'auto'), ['http raw_buffer 3', 'bytes raw_buffer']);
});

test('without an identity permissive is plaintext, and strict is closed', () => {
  assert.equal(inboundMode('permissive', false), 'disable');
  assert.equal(inboundMode('strict', false), 'closed');
  assert.equal(inboundMode('strict', true), 'strict');
});

test('the text of a mode tells ports and identities apart', () => {
  const ports = new Map<number, MtlsMode>([
    [90, 'strict'],
    [80, 'disable'],
  ]);
  assert.equal(mtlsText({ mode: 'permissive', ports, hasIdentity: true }), 'permissive 80=disable,90=strict');
  assert.equal(mtlsText({ mode: 'strict', ports: new Map(), hasIdentity: false }), 'no identity strict ');
});
