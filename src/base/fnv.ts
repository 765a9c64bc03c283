// FNV-1a, 32 bit: a small hash for tables and stable choices, not for secrets. http://www.isthe.com/chongo/tech/comp/fnv/

/** The hash of a text's UTF-16 units below 256, as of its bytes in ASCII. */
export function fnv1a32(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193) >>> 0;
  return value;
}
