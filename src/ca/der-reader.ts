// The elements of DER (X.690) one after the other, for what was parsed elsewhere already: where a part of a certificate or request stands, byte for
// byte. What is not DER is undefined, never an exception.

export type Element = {
  readonly tag: number;
  readonly content: Buffer;
  /** With tag and length. */
  readonly whole: Buffer;
};

const sequence = 0x30;

/** All elements that `bytes` consists of; undefined where something is left over or does not fit. */
export function readElements(bytes: Buffer): readonly Element[] | undefined {
  const elements: Element[] = [];
  for (let at = 0; at < bytes.length; ) {
    const element = readElement(bytes, at);
    if (element === undefined) return undefined;
    elements.push(element);
    at += element.whole.length;
  }
  return elements;
}

/** The elements of the sequence that `bytes` is; undefined where it is something else. */
export function readInside(bytes: Buffer): readonly Element[] | undefined {
  const only = readElements(bytes);
  return only?.length === 1 && only[0]?.tag === sequence ? readElements(only[0].content) : undefined;
}

/** Tags of one byte, lengths in their shortest form and of at most four bytes. */
function readElement(bytes: Buffer, at: number): Element | undefined {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return undefined;
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  if (first >= 0x80 && (lengthBytes === 0 || lengthBytes > 4)) return undefined;
  let length = first;
  if (lengthBytes > 0) {
    if (at + 2 + lengthBytes > bytes.length) return undefined;
    length = bytes.readUIntBE(at + 2, lengthBytes);
    if (length < 0x80 || length < 2 ** (8 * (lengthBytes - 1))) return undefined;
  }
  const from = at + 2 + lengthBytes;
  if (from + length > bytes.length) return undefined;
  return { tag, content: bytes.subarray(from, from + length), whole: bytes.subarray(at, from + length) };
}
