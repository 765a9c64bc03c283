import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { placeholderAddresses } from '#model/build/placeholder-address.ts';

void test('addresses are of the network, no two alike, none taken, and the same for the same names', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string({ minLength: 1 }), { maxLength: 300 }), (names) => {
      const first = placeholderAddresses('10.244', names, new Set());
      assert.equal(new Set(first.values()).size, names.length);
      for (const address of first.values()) assert.match(address, /^10\.244\.\d{1,3}\.(?:[1-9]|[1-9]\d|1\d\d|2[0-4]\d|25[0-4])$/);
      assert.deepEqual(placeholderAddresses('10.244', names, new Set()), first);
      const taken = new Set([...first.values()].slice(0, 5));
      for (const address of placeholderAddresses('10.244', names, taken).values()) assert.ok(!taken.has(address));
    }),
  );
});

void test('a name keeps its address when others come and go', () => {
  const alone = placeholderAddresses('10.96', ['default/hello'], new Set()).get('default/hello');
  const among = placeholderAddresses('10.96', ['a/a', 'default/hello', 'z/z'], new Set()).get('default/hello');
  assert.equal(among, alone);
});
