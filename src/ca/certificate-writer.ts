// Certificates as bytes: the root of a mesh, the certificates of workloads and of the control plane itself. What may be in them is decided by the
// callers; the form is RFC 5280 and SPIFFE's X.509-SVID. Written here, because the library that reads requests takes ten times as long to write.
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto';
import {
  authorityKeyIdentifier,
  basicConstraints,
  keyUsage,
  type Name,
  serverAndClient,
  subjectAltName,
  subjectKeyIdentifier,
  subjectKeyIdentifierOid,
} from '#ca/certificate-extensions.ts';
import { encode, encodeBitString, encodeInteger, encodeOid, tags } from '#ca/client/der.ts';
import { readElements, readInside } from '#ca/der-reader.ts';
import { groupName } from '#ca/workload-group.ts';

export type Validity = { readonly notBeforeMs: number; readonly notAfterMs: number };

/** Who signs: its certificate, and the key that belongs to it. */
export type Issuer = { readonly certificate: X509Certificate; readonly key: KeyObject };

export type LeafContent = Validity & {
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  readonly names: readonly Name[];
  /** Its holder may be a member of this WorkloadGroup alone. */
  readonly workloadGroup?: string | undefined;
};

/**
 * A certificate that signs none, for both ends of TLS. Its subject is empty but for a WorkloadGroup, so its names are critical (RFC 5280 section
 * 4.2.1.6).
 */
export function writeLeaf(issuer: Issuer, { publicKey, names, workloadGroup, ...validity }: LeafContent): X509Certificate {
  const { subject, keyId } = partsOf(issuer.certificate);
  const extensions = [
    keyUsage([0, 2]),
    serverAndClient(),
    basicConstraints(false),
    ...(keyId === undefined ? [] : [authorityKeyIdentifier(keyId)]),
    subjectAltName(names),
  ];
  const own = workloadGroup === undefined ? encode(tags.sequence) : nameOf([groupName(workloadGroup)]);
  return write(issuer.key, { issuer: subject, subject: own, publicKey, validity, extensions });
}

/** A root that signs itself, ECDSA on P-256, and its key. */
export function writeRoot(validity: Validity): Issuer {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  const keyId = createHash('sha1').update(spki).digest();
  // Two roots of one mesh, one after the other, are told apart by name as well.
  const name = nameOf([
    ['2.5.4.10', 'Heddle mesh'],
    ['2.5.4.3', `Heddle root ${keyId.toString('hex').slice(0, 8)}`],
  ]);
  const extensions = [keyUsage([5, 6]), basicConstraints(true), subjectKeyIdentifier(keyId)];
  const certificate = write(privateKey, { issuer: name, subject: name, publicKey: spki, validity, extensions });
  return { certificate, key: privateKey };
}

type Content = {
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly validity: Validity;
  readonly extensions: readonly Uint8Array[];
};

/** RFC 5280 section 4.1. */
function write(key: KeyObject, { issuer, subject, publicKey, validity, extensions }: Content): X509Certificate {
  const { hash, algorithm } = signatureOf(key);
  const toBeSigned = encode(
    tags.sequence,
    encode(tags.context0, encodeInteger(2)),
    encode(tags.integer, serialNumber()),
    algorithm,
    issuer,
    encode(tags.sequence, encodeTime(validity.notBeforeMs), encodeTime(validity.notAfterMs)),
    subject,
    publicKey,
    encode(tags.context0 + 3, encode(tags.sequence, ...extensions)),
  );
  return new X509Certificate(encode(tags.sequence, toBeSigned, algorithm, encodeBitString(sign(hash, toBeSigned, key))));
}

/** With SHA-256, as Istio signs; on larger curves with the hash that belongs to them (RFC 5758, RFC 4055). */
function signatureOf(key: KeyObject): { readonly hash: string; readonly algorithm: Buffer } {
  if (key.asymmetricKeyType === 'rsa') {
    return { hash: 'sha256', algorithm: encode(tags.sequence, encodeOid('1.2.840.113549.1.1.11'), encode(tags.null)) };
  }
  const [hash, oid] = ecdsa[key.asymmetricKeyDetails?.namedCurve ?? ''] ?? ['sha256', '1.2.840.10045.4.3.2'];
  return { hash, algorithm: encode(tags.sequence, encodeOid(oid)) };
}

const ecdsa: Readonly<Record<string, readonly [hash: string, oid: string]>> = {
  secp384r1: ['sha384', '1.2.840.10045.4.3.3'],
  secp521r1: ['sha512', '1.2.840.10045.4.3.4'],
};

/** 127 random bits, not zero, not negative (section 4.1.2.2). */
function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes;
}

/** UTCTime until 2049, GeneralizedTime from then on (section 4.1.2.5). */
function encodeTime(timeMs: number): Buffer {
  const digits = new Date(timeMs).toISOString().replace(/\.\d+Z$|[-:T]/g, '');
  return timeMs < Date.UTC(2050, 0, 1) ? encode(0x17, Buffer.from(`${digits.slice(2)}Z`)) : encode(0x18, Buffer.from(`${digits}Z`));
}

function nameOf(parts: readonly (readonly [oid: string, text: string])[]): Buffer {
  const sets = parts.map(([oid, text]) => encode(0x31, encode(tags.sequence, encodeOid(oid), encode(0x0c, Buffer.from(text)))));
  return encode(tags.sequence, ...sets);
}

type Parts = { readonly subject: Buffer; readonly keyId: Buffer | undefined };

const parts = new WeakMap<X509Certificate, Parts>();

/** The subject and the key identifier of an issuer, byte for byte: verifiers compare them so. */
function partsOf(certificate: X509Certificate): Parts {
  const known = parts.get(certificate);
  if (known !== undefined) return known;
  const fields = readElements(readInside(certificate.raw)?.[0]?.content ?? Buffer.alloc(0)) ?? [];
  // version, serial number, algorithm, issuer, validity, subject
  const subject = fields[5]?.whole;
  if (subject === undefined) throw new Error('the certificate of an issuer has no subject');
  const extensions = readInside(fields.find(({ tag }) => tag === tags.context0 + 3)?.content ?? Buffer.alloc(0)) ?? [];
  const oid = encodeOid(subjectKeyIdentifierOid);
  const values = extensions.map(({ content }) => readElements(content) ?? []);
  const keyId = values.find((value) => value[0]?.whole.equals(oid))?.at(-1)?.content;
  const fresh = { subject, keyId: keyId === undefined ? undefined : readElements(keyId)?.[0]?.content };
  parts.set(certificate, fresh);
  return fresh;
}
