// A certificate in, its other names (otherName, RFC 5280 section 4.2.1.6) out: node:crypto does not print them. Anything that is not as it should be
// is no name. Source: Envoy, %DOWNSTREAM_PEER_OTHERNAME_SAN%.
import type { X509Certificate } from 'node:crypto';

type Element = { readonly tag: number; readonly content: Buffer };

const tags = { oid: 0x06, octetString: 0x04, sequence: 0x30, otherName: 0xa0, extensions: 0xa3, value: 0xa0 } as const;
/** UTF8String, PrintableString, IA5String, VisibleString. */
const texts: ReadonlySet<number> = new Set([0x0c, 0x13, 0x16, 0x1a]);
/** 2.5.29.17, the extension subjectAltName. */
const subjectAltName = Buffer.from([0x55, 0x1d, 0x11]);

export function otherNamesOf({ raw }: X509Certificate): readonly string[] {
  const [certificate] = elementsIn(raw);
  const [toBeSigned] = elementsIn(certificate?.content);
  const extensions = elementsIn(toBeSigned?.content).find(({ tag }) => tag === tags.extensions);
  for (const { content } of elementsIn(elementsIn(extensions?.content)[0]?.content)) {
    const [oid, ...values] = elementsIn(content);
    if (oid?.tag !== tags.oid || !oid.content.equals(subjectAltName)) continue;
    const names = elementsIn(elementsIn(values.find(({ tag }) => tag === tags.octetString)?.content)[0]?.content);
    return names.flatMap(({ tag, content: name }) => (tag === tags.otherName ? textOf(name) : []));
  }
  return [];
}

/** The type, then the value in a tag of its own. */
function textOf(name: Buffer): readonly string[] {
  const value = elementsIn(name).find(({ tag }) => tag === tags.value);
  const [text] = elementsIn(value?.content);
  return text !== undefined && texts.has(text.tag) ? [text.content.toString()] : [];
}

/** Those that stand one behind the other; none where the bytes are no such list. */
function elementsIn(bytes: Buffer | undefined): readonly Element[] {
  const found: Element[] = [];
  if (bytes === undefined) return found;
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at] ?? 0;
    const first = bytes[at + 1] ?? 0;
    const long = first < 0x80 ? 0 : first & 0x7f;
    if (long > 3 || at + 2 + long > bytes.length) return [];
    const length = long === 0 ? first : bytes.readUIntBE(at + 2, long);
    const start = at + 2 + long;
    if (start + length > bytes.length) return [];
    found.push({ tag, content: bytes.subarray(start, start + length) });
    at = start + length;
  }
  return found;
}
