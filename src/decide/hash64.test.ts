import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesOf, murmurHash2, xxHash64 } from '#decide/hash64.ts';
import { Word64 } from '#decide/word64.ts';

test('XXH64 gives the published values', () => {
  const long = 'Nobody inspects the spammish repetition';
  const table: readonly [string, string][] = [
    ['', 'ef46db3751d8e999'],
    ['a', 'd24ec4f1a98c6e5b'],
    ['abc', '44bc2cf5ad770999'],
    [long, 'fbcea83c8a378bf1'],
  ];
  for (const [text, hash] of table) assert.equal(xxHash64(text).toHex(), hash, text);
});

test('a seed changes the hash and is not changed', () => {
  const seed = new Word64(0, 1);
  assert.notEqual(xxHash64('a', seed).toHex(), xxHash64('a').toHex());
  assert.equal(seed.toHex(), '0000000000000001');
});

test('MurmurHash2 differs by every byte, also behind the last whole eight', () => {
  const hashes = ['', 'a', 'b', 'ab', 'abcdefgh', 'abcdefghi', 'abcdefghj'].map((text) => murmurHash2(text).toHex());
  assert.equal(new Set(hashes).size, hashes.length);
});

test('texts beyond ASCII are hashed as UTF-8', () => {
  assert.equal(bytesOf('\u00e9'), '\u00c3\u00a9');
  assert.equal(bytesOf('plain'), 'plain');
});

test('64-bit arithmetic is that of bigint', () => {
  const mask = (1n << 64n) - 1n;
  const values = [0n, 1n, 0xffffn, 0x10000n, 0xffffffffn, 0x100000000n, 0x123456789abcdef0n, mask, 0x9e3779b185ebca87n];
  const high = (value: bigint): number => Number(value >> 32n);
  const low = (value: bigint): number => Number(value & 0xffffffffn);
  const hex = (value: bigint): string => (value & mask).toString(16).padStart(16, '0');
  for (const a of values) {
    for (const b of values) {
      const word = (): Word64 => new Word64(high(a), low(a));
      assert.equal(word().multiply(high(b), low(b)).toHex(), hex(a * b));
      assert.equal(word().add(high(b), low(b)).toHex(), hex(a + b));
      assert.equal(word().xor(high(b), low(b)).toHex(), hex(a ^ b));
    }
    for (const bits of [1, 7, 31])
      assert.equal(new Word64(high(a), low(a)).rotateLeft(bits).toHex(), hex((a << BigInt(bits)) | (a >> BigInt(64 - bits))));
    for (const bits of [1, 29, 32, 33, 47]) assert.equal(new Word64(high(a), low(a)).xorShiftedRight(bits).toHex(), hex(a ^ (a >> BigInt(bits))));
    for (const divisor of [2, 100, 65537, 5_000_011]) assert.equal(new Word64(high(a), low(a)).modulo(divisor), Number(a % BigInt(divisor)));
  }
});
