import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encode, encodeInteger, tags } from '#ca/client/der.ts';
import { readElements, readInside } from '#ca/der-reader.ts';

test('what was written is read, byte for byte', () => {
  for (const length of [0, 1, 127, 128, 255, 256, 70_000]) {
    const inner = encode(tags.octetString, Buffer.alloc(length, 7));
    const bytes = encode(tags.sequence, encodeInteger(5), inner);
    const [number, text] = readInside(bytes) ?? [];
    assert.deepEqual(number?.whole, encodeInteger(5));
    assert.deepEqual(text?.whole, inner);
    assert.equal(text?.content.length, length);
  }
});

test('what is no DER is nothing', () => {
  const cases = ['30', '3001', '300200', '3080', '30800000', '30810101', '3082000101', '30850000000001', '3f0100', '30ffffffffff', '300002'];
  for (const hex of cases) assert.equal(readElements(Buffer.from(hex, 'hex')), undefined, hex);
  assert.equal(readInside(Buffer.from('30003000', 'hex')), undefined, 'two in place of one');
  assert.equal(readInside(Buffer.alloc(0)), undefined);
  assert.equal(readInside(Buffer.from('3100', 'hex')), undefined, 'a set');
});
