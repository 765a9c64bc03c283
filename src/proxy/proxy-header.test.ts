// Headers of the PROXY protocol beside what they say.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseProxyHeader } from '#proxy/proxy-header.ts';

const signature = '0d0a0d0a000d0a515549540a';
const bytes = (hex: string): Buffer => Buffer.from(signature + hex.replaceAll(' ', ''), 'hex');

const good: readonly (readonly [name: string, header: Buffer, ends: string])[] = [
  ['version 1, IPv4', Buffer.from('PROXY TCP4 203.0.113.7 198.51.100.1 5000 443\r\n'), '203.0.113.7 5000 198.51.100.1 443'],
  ['version 1, IPv6', Buffer.from('PROXY TCP6 2001:db8::7 2001:db8::1 5000 443\r\n'), '2001:db8::7 5000 2001:db8::1 443'],
  ['version 1, of nobody in particular', Buffer.from('PROXY UNKNOWN ffff:: whatever\r\n'), 'own'],
  ['version 2, IPv4', bytes('21 11 000c cb007107 c6336401 1388 01bb'), '203.0.113.7 5000 198.51.100.1 443'],
  [
    'version 2, IPv4 with what Heddle does not read behind it',
    bytes('21 11 0010 cb007107 c6336401 1388 01bb 04000101'),
    '203.0.113.7 5000 198.51.100.1 443',
  ],
  [
    'version 2, IPv6',
    bytes('21 21 0024 20010db8000000000000000000000007 20010db8000000000000000000000001 1388 01bb'),
    '2001:db8::7 5000 2001:db8::1 443',
  ],
  ['version 2, a health check of the balancer', bytes('20 00 0000'), 'own'],
];

for (const [name, header, ends] of good) {
  test(`understood, at any length that has come so far: ${name}`, () => {
    for (let length = 0; length < header.length; length += 1)
      assert.equal(parseProxyHeader(header.subarray(0, length)).kind, 'more', `${length} bytes`);
    const found = parseProxyHeader(Buffer.concat([header, Buffer.from('GET / HTTP/1.1\r\n')]));
    assert.ok(found.kind === 'header');
    assert.equal(found.size, header.length);
    const { remoteAddress, remotePort, localAddress, localPort } = found.ends ?? {};
    assert.equal(found.ends === undefined ? 'own' : [remoteAddress, remotePort, localAddress, localPort].join(' '), ends);
  });
}

const broken: readonly (readonly [name: string, header: Buffer])[] = [
  ['an address that is none', Buffer.from('PROXY TCP4 203.0.113 198.51.100.1 5000 443\r\n')],
  ['an address of the other family', Buffer.from('PROXY TCP4 2001:db8::7 2001:db8::1 5000 443\r\n')],
  ['a port that is none', Buffer.from('PROXY TCP4 203.0.113.7 198.51.100.1 5000 65536\r\n')],
  ['too few words', Buffer.from('PROXY TCP4 203.0.113.7\r\n')],
  ['too many words', Buffer.from('PROXY TCP4 203.0.113.7 198.51.100.1 5000 443 more\r\n')],
  ['another protocol', Buffer.from('PROXY UDP4 203.0.113.7 198.51.100.1 5000 443\r\n')],
  ['a line without end', Buffer.from(`PROXY TCP4 ${'1'.repeat(110)}`)],
  ['version 3', bytes('31 11 000c cb007107 c6336401 1388 01bb')],
  ['an unknown command', bytes('22 11 000c cb007107 c6336401 1388 01bb')],
  ['a Unix socket', bytes('21 31 0000')],
  ['addresses that are cut off', bytes('21 11 0008 cb007107 c6336401')],
];

for (const [name, header] of broken) test(`refused: ${name}`, () => assert.equal(parseProxyHeader(header).kind, 'broken'));

test('a connection that begins otherwise has no header', () => {
  for (const text of ['GET / HTTP/1.1\r\n', 'PROXIES', '\r\n\r\nx', 'x']) assert.equal(parseProxyHeader(Buffer.from(text)).kind, 'none', text);
});
