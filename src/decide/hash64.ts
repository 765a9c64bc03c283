// The two 64-bit hashes that Envoy places endpoints and requests with: XXH64 (specification: xxHash "XXH64 Algorithm Description") and MurmurHash2-64A.
// Own code, because a choice must be made at once and the well-kept package can only be started asynchronously.
// Texts are bytes, one a character, as header values are here.
import { Word64 } from '#decide/word64.ts';

/** Characters above 0xff count by their low byte: encode such a text first (`bytesOf`). `seed` is not changed. */
export function xxHash64(text: string, seed = zero): Word64 {
  const hash = new Word64();
  const word = new Word64();
  let at = 0;
  if (text.length >= 32) at = hashStripes(text, seed, hash, word);
  else hash.set(seed).add(prime5.high, prime5.low);
  hash.add(0, text.length);
  for (; at + 8 <= text.length; at += 8) {
    read64(text, at, word);
    round(word);
    hash.xor(word.high, word.low).rotateLeft(27).multiply(prime1.high, prime1.low).add(prime4.high, prime4.low);
  }
  if (at + 4 <= text.length) {
    word.high = 0;
    word.low = read32(text, at);
    word.multiply(prime1.high, prime1.low);
    hash.xor(word.high, word.low).rotateLeft(23).multiply(prime2.high, prime2.low).add(prime3.high, prime3.low);
    at += 4;
  }
  for (; at < text.length; at++) {
    word.high = 0;
    word.low = text.charCodeAt(at) & 0xff;
    word.multiply(prime5.high, prime5.low);
    hash.xor(word.high, word.low).rotateLeft(11).multiply(prime1.high, prime1.low);
  }
  hash.xorShiftedRight(33).multiply(prime2.high, prime2.low);
  hash.xorShiftedRight(29).multiply(prime3.high, prime3.low);
  return hash.xorShiftedRight(32);
}

const zero: Word64 = new Word64();
const prime1 = new Word64(0x9e3779b1, 0x85ebca87);
const prime2 = new Word64(0xc2b2ae3d, 0x27d4eb4f);
const prime3 = new Word64(0x165667b1, 0x9e3779f9);
const prime4 = new Word64(0x85ebca77, 0xc2b2ae63);
const prime5 = new Word64(0x27d4eb2f, 0x165667c5);
const laneRotations = [1, 7, 12, 18] as const;

/** All whole stripes of 32 bytes in four lanes; where they end. */
function hashStripes(text: string, seed: Word64, hash: Word64, word: Word64): number {
  const lanes = [
    new Word64(seed.high, seed.low).add(prime1.high, prime1.low).add(prime2.high, prime2.low),
    new Word64(seed.high, seed.low).add(prime2.high, prime2.low),
    new Word64(seed.high, seed.low),
    // Minus prime1, as the two's complement says it.
    new Word64(seed.high, seed.low).add(~prime1.high >>> 0, ~prime1.low >>> 0).add(0, 1),
  ];
  let at = 0;
  for (; at + 32 <= text.length; at += 32) {
    for (const [index, lane] of lanes.entries()) {
      read64(text, at + index * 8, word);
      word.multiply(prime2.high, prime2.low);
      lane.add(word.high, word.low).rotateLeft(31).multiply(prime1.high, prime1.low);
    }
  }
  hash.set(zero);
  for (const [index, lane] of lanes.entries()) {
    word.set(lane).rotateLeft(laneRotations[index] ?? 1);
    hash.add(word.high, word.low);
  }
  for (const lane of lanes) {
    round(lane);
    hash.xor(lane.high, lane.low).multiply(prime1.high, prime1.low).add(prime4.high, prime4.low);
  }
  return at;
}

function round(word: Word64): void {
  word.multiply(prime2.high, prime2.low).rotateLeft(31).multiply(prime1.high, prime1.low);
}

function read32(text: string, at: number): number {
  return (
    ((text.charCodeAt(at) & 0xff) |
      ((text.charCodeAt(at + 1) & 0xff) << 8) |
      ((text.charCodeAt(at + 2) & 0xff) << 16) |
      ((text.charCodeAt(at + 3) & 0xff) << 24)) >>>
    0
  );
}

function read64(text: string, at: number, into: Word64): void {
  into.low = read32(text, at);
  into.high = read32(text, at + 4);
}

/** MurmurHash2, 64-bit version A, with the seed of libstdc++'s std::hash, as Envoy's `MURMUR_HASH_2`. */
export function murmurHash2(text: string): Word64 {
  const hash = new Word64(0, text.length).multiply(murmurFactor.high, murmurFactor.low).xor(0, 0xc70f6907);
  const word = new Word64();
  const whole = text.length & ~7;
  for (let at = 0; at < whole; at += 8) {
    read64(text, at, word);
    word.multiply(murmurFactor.high, murmurFactor.low).xorShiftedRight(47).multiply(murmurFactor.high, murmurFactor.low);
    hash.xor(word.high, word.low).multiply(murmurFactor.high, murmurFactor.low);
  }
  if (whole < text.length) {
    read64(text.slice(whole).padEnd(8, '\0'), 0, word);
    hash.xor(word.high, word.low).multiply(murmurFactor.high, murmurFactor.low);
  }
  return hash.xorShiftedRight(47).multiply(murmurFactor.high, murmurFactor.low).xorShiftedRight(47);
}

const murmurFactor = new Word64(0xc6a4a793, 0x5bd1e995);

/** A text's UTF-8 bytes, one a character: what the hashes want of texts that are not header values. */
export function bytesOf(text: string): string {
  return isAscii.test(text) ? text : String.fromCharCode(...new TextEncoder().encode(text));
}

const isAscii = /^[\0-\x7f]*$/;
