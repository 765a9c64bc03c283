// The extensions of the certificates that an authority writes, as DER (RFC 5280 section 4.2.1).
import { parseIp } from '#base/cidr.ts';
import { encode, encodeOid, tags } from '#ca/client/der.ts';

/** An alternative name. Workloads have exactly one URI, and what telemetry calls them as an `other` name. */
export type Name = { readonly type: 'url' | 'dns' | 'ip' | 'other'; readonly value: string };

/** The type of the other names as DER: 2.25 and a UUID (ITU-T X.667), so that nobody else has it. */
const workloadNameOid = Buffer.from('06146981fabfcdd4cda1f2b1b19f8286ede2d4b2ba47', 'hex');

const boolean = 0x01;
const yes = encode(boolean, Buffer.from([0xff]));

function extension(oid: string, isCritical: boolean, value: Buffer): Buffer {
  return encode(tags.sequence, encodeOid(oid), ...(isCritical ? [yes] : []), encode(tags.octetString, value));
}

/** Bits from the first on: 0 digitalSignature, 2 keyEncipherment, 5 keyCertSign, 6 cRLSign. */
export function keyUsage(bits: readonly number[]): Buffer {
  const byte = bits.reduce((sum, bit) => sum | (0x80 >> bit), 0);
  return extension('2.5.29.15', true, encode(tags.bitString, Buffer.from([7 - Math.max(...bits), byte])));
}

/** Both ends of TLS. */
export function serverAndClient(): Buffer {
  return extension('2.5.29.37', false, encode(tags.sequence, encodeOid('1.3.6.1.5.5.7.3.1'), encodeOid('1.3.6.1.5.5.7.3.2')));
}

/** FALSE is the default, and in DER a default is not written. */
export function basicConstraints(isAuthority: boolean): Buffer {
  return extension('2.5.29.19', true, encode(tags.sequence, ...(isAuthority ? [yes] : [])));
}

export function subjectKeyIdentifier(keyId: Buffer): Buffer {
  return extension(subjectKeyIdentifierOid, false, encode(tags.octetString, keyId));
}

export const subjectKeyIdentifierOid = '2.5.29.14';

export function authorityKeyIdentifier(keyId: Buffer): Buffer {
  return extension('2.5.29.35', false, encode(tags.sequence, encode(0x80, keyId)));
}

/** Critical, because the subject of whoever has it is empty. */
export function subjectAltName(names: readonly Name[]): Buffer {
  return extension('2.5.29.17', true, encode(tags.sequence, ...names.map(generalName)));
}

function generalName({ type, value }: Name): Buffer {
  switch (type) {
    case 'url':
      return encode(0x86, Buffer.from(value, 'latin1'));
    case 'dns':
      return encode(0x82, Buffer.from(value, 'latin1'));
    case 'ip':
      return encode(0x87, addressBytes(value));
    case 'other':
      return encode(0xa0, workloadNameOid, encode(tags.context0, encode(0x0c, Buffer.from(value))));
  }
}

function addressBytes(address: string): Buffer {
  const words = parseIp(address)?.words;
  if (words === undefined) throw new Error(`${address} is no IP address`);
  const bytes = Buffer.alloc(words.length * 4);
  for (const [index, word] of words.entries()) bytes.writeUInt32BE(word, index * 4);
  return bytes;
}
