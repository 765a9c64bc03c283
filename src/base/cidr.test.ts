import assert from 'node:assert/strict';
import { BlockList } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatIp, inRange, ipRange, parseCidr, parseIp } from '#base/cidr.ts';

test('addresses are read as they are written, and nothing else is one', () => {
  assert.deepEqual(parseIp('10.0.0.1'), { family: 4, words: [0x0a000001] });
  assert.deepEqual(parseIp('255.255.255.255')?.words, [0xffffffff]);
  assert.deepEqual(parseIp('2001:db8::1')?.words, [0x20010db8, 0, 0, 1]);
  assert.deepEqual(parseIp('::')?.words, [0, 0, 0, 0]);
  assert.deepEqual(parseIp('::ffff:10.0.0.1'), parseIp('10.0.0.1'));
  for (const text of ['', '10.0.0', '10.0.0.256', '010.0.0.1', '1.2.3.4.5', 'localhost', '1::2::3', '::1%lo', '[::1]', ':1', '12345::']) {
    assert.equal(parseIp(text), undefined, text);
  }
});

test('ranges know their length, and an address alone is a range of one', () => {
  assert.equal(parseCidr('10.1.2.3')?.length, 32);
  assert.equal(parseCidr('::1')?.length, 128);
  assert.deepEqual(parseCidr('10.1.2.3/8')?.words, parseCidr('10.0.0.0/8')?.words);
  for (const text of ['10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0.0/-1', '10.0.0.0/8/8', 'x/8']) assert.equal(parseCidr(text), undefined, text);
});

test("membership agrees with node's own BlockList", () => {
  const v4 = fc.tuple(fc.ipV4(), fc.ipV4(), fc.integer({ min: 0, max: 32 }));
  const v6 = fc.tuple(fc.ipV6(), fc.ipV6(), fc.integer({ min: 0, max: 128 }));
  const agree =
    (family: 'ipv4' | 'ipv6') =>
    ([address, base, length]: [string, string, number]) => {
      const range = ipRange(base, length);
      const ip = parseIp(address);
      // Mapped IPv4 counts as IPv4 here, and BlockList has no opinion on zones.
      if (range === undefined || ip === undefined || range.family !== (family === 'ipv4' ? 4 : 6)) return;
      if (ip.family !== range.family) return;
      const list = new BlockList();
      list.addSubnet(base, length, family);
      assert.equal(inRange(ip, range), list.check(address, family), `${address} in ${base}/${length}`);
    };
  fc.assert(fc.property(v4, agree('ipv4')), { numRuns: 500 });
  fc.assert(fc.property(v6, agree('ipv6')), { numRuns: 500 });
  fc.assert(
    fc.property(fc.ipV4(), fc.integer({ min: 0, max: 32 }), (address, length) => {
      const range = ipRange(address, length);
      const ip = parseIp(address);
      assert.ok(range !== undefined && ip !== undefined && inRange(ip, range));
    }),
  );
});

test('an address is written in one form', () => {
  const form = (text: string): string => {
    const address = parseIp(text);
    assert.ok(address);
    return formatIp(address);
  };
  assert.deepEqual(
    ['10.0.0.255', '255.255.255.255', 'FD00:0:0:0:0:0:0:A', '1:0:0:2:0:0:0:3', '::', '::1', '1:2:3:4:5:6:7:0', '1:0:2:0:3:0:4:0'].map(form),
    ['10.0.0.255', '255.255.255.255', 'fd00::a', '1:0:0:2::3', '::', '::1', '1:2:3:4:5:6:7:0', '1:0:2:0:3:0:4:0'],
  );
});
