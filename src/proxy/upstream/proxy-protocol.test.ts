import assert from 'node:assert/strict';
import { test } from 'node:test';
import { proxyHeader } from '#proxy/upstream/proxy-protocol.ts';

const ipv4 = { sourceIp: '10.1.2.3', sourcePort: 40000, destinationIp: '192.168.0.9', destinationPort: 80 };
const ipv6 = { sourceIp: '2001:db8::1', sourcePort: 1, destinationIp: '::ffff:1.2.3.4', destinationPort: 65535 };

test('version 1 is a line of text', () => {
  assert.equal(proxyHeader(1, ipv4).toString('latin1'), 'PROXY TCP4 10.1.2.3 192.168.0.9 40000 80\r\n');
  assert.equal(proxyHeader(1, ipv6).toString('latin1'), 'PROXY TCP6 2001:db8::1 ::ffff:1.2.3.4 1 65535\r\n');
});

test('version 2 is binary', () => {
  const signature = '0d0a0d0a000d0a515549540a';
  assert.equal(proxyHeader(2, ipv4).toString('hex'), `${signature}2111000c0a010203c0a800099c400050`);
  const addresses = '20010db800000000000000000000000100000000000000000000ffff01020304';
  assert.equal(proxyHeader(2, ipv6).toString('hex'), `${signature}21210024${addresses}0001ffff`);
  const mixed = proxyHeader(2, { ...ipv6, destinationIp: '1.2.3.4' });
  assert.equal(mixed.toString('hex'), `${signature}21210024${addresses}0001ffff`);
});
