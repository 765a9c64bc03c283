// Certificates as bytes: the root of a mesh, the certificates of workloads and of the control plane itself. What may be in them is decided by the
// callers; the form is RFC 5280 and SPIFFE's X.509-SVID.
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, X509Certificate } from 'node:crypto';
import { loadX509, type X509Library } from '#ca/x509.ts';

export type Validity = { readonly notBeforeMs: number; readonly notAfterMs: number };

/** Who signs: its certificate, and the key that belongs to it. */
export type Issuer = { readonly certificate: X509Certificate; readonly key: KeyObject };

export type LeafContent = Validity & {
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  /** The alternative names; workloads have exactly one, a URI. */
  readonly names: readonly { readonly type: 'url' | 'dns' | 'ip'; readonly value: string }[];
};

/** A certificate that signs none, for both ends of TLS. Its subject is empty, so its names are critical (RFC 5280 section 4.2.1.6). */
export async function writeLeaf(issuer: Issuer, { publicKey, names, notBeforeMs, notAfterMs }: LeafContent): Promise<X509Certificate> {
  const x509 = await loadX509();
  const { name, keyId, signingKey, algorithm } = await prepare(x509, issuer);
  const written = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    issuer: name,
    notBefore: new Date(notBeforeMs),
    notAfter: new Date(notAfterMs),
    publicKey: new Uint8Array(publicKey),
    signingKey,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.BasicConstraintsExtension(false, undefined, true),
      ...(keyId === undefined ? [] : [new x509.AuthorityKeyIdentifierExtension(keyId)]),
      new x509.SubjectAlternativeNameExtension([...names], true),
    ],
  });
  return new X509Certificate(Buffer.from(written.rawData));
}

/** A root that signs itself, ECDSA on P-256, and its key. */
export async function writeRoot(validity: Validity): Promise<Issuer> {
  const x509 = await loadX509();
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  const keyId = createHash('sha1').update(spki).digest('hex');
  const algorithm = signingAlgorithm(privateKey);
  // Two roots of one mesh, one after the other, are told apart by name as well.
  const name = [{ O: ['Heddle mesh'] }, { CN: [`Heddle root ${keyId.slice(0, 8)}`] }];
  const written = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: new x509.Name(name),
    issuer: new x509.Name(name),
    notBefore: new Date(validity.notBeforeMs),
    notAfter: new Date(validity.notAfterMs),
    publicKey: new Uint8Array(spki),
    signingKey: privateKey.toCryptoKey(algorithm, true, ['sign']),
    signingAlgorithm: algorithm,
    extensions: [
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.SubjectKeyIdentifierExtension(keyId),
    ],
  });
  return { certificate: new X509Certificate(Buffer.from(written.rawData)), key: privateKey };
}

type Prepared = Awaited<ReturnType<typeof prepareAnew>>;

/** What is the same for all that one issuer signs. */
const prepared = new WeakMap<KeyObject, Prepared>();

async function prepare(x509: X509Library, issuer: Issuer): Promise<Prepared> {
  const known = prepared.get(issuer.key);
  if (known !== undefined) return known;
  const fresh = await prepareAnew(x509, issuer);
  prepared.set(issuer.key, fresh);
  return fresh;
}

async function prepareAnew(x509: X509Library, { certificate, key }: Issuer) {
  const parsed = new x509.X509Certificate(new Uint8Array(certificate.raw));
  const algorithm = signingAlgorithm(key);
  return {
    name: parsed.subjectName,
    keyId: parsed.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId,
    signingKey: key.toCryptoKey(algorithm, false, ['sign']),
    algorithm,
  };
}

/** With SHA-256, as Istio signs; keys of more bits hash more, where the standard pairs them so. */
function signingAlgorithm(key: KeyObject) {
  if (key.asymmetricKeyType === 'rsa') return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  switch (key.asymmetricKeyDetails?.namedCurve) {
    case 'secp384r1':
      return { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' };
    case 'secp521r1':
      return { name: 'ECDSA', namedCurve: 'P-521', hash: 'SHA-512' };
    default:
      return { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  }
}

/** 127 random bits, not zero, not negative (RFC 5280 section 4.1.2.2). */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}
