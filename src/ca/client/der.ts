// ASN.1's distinguished encoding (X.690), as far as a certificate request needs it. Bytes in, bytes out; the rest of X.509 stays out of
// every proxy's memory.

export const tags = { integer: 0x02, bitString: 0x03, octetString: 0x04, null: 0x05, oid: 0x06, sequence: 0x30, context0: 0xa0 } as const;

/** Tag, length in the shortest form, content. */
export function encode(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  return Buffer.concat([Buffer.from([tag]), lengthOf(body.length), body]);
}

/** A small number that is not negative. */
export function encodeInteger(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; rest > 0 || bytes.length === 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  if ((bytes[0] ?? 0) >= 0x80) bytes.unshift(0);
  return encode(tags.integer, Buffer.from(bytes));
}

/** `1.2.840.10045.4.3.2`: the first two numbers share a byte, the others are base 128. */
export function encodeOid(oid: string): Buffer {
  const [first = 0, second = 0, ...others] = oid.split('.').map(Number);
  return encode(tags.oid, Buffer.from([first * 40 + second, ...others.flatMap(base128)]));
}

/** Whole bytes: no bit is left unused. */
export function encodeBitString(bytes: Uint8Array): Buffer {
  return encode(tags.bitString, Buffer.from([0]), bytes);
}

function base128(value: number): number[] {
  const bytes = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) bytes.unshift(0x80 | (rest % 128));
  return bytes;
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return Buffer.from([0x80 | bytes.length, ...bytes]);
}
