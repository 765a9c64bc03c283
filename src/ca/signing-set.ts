// What an authority signs with, from the texts of its files (Istio's names for a plugged-in authority): the certificate that signs and its key,
// what is between it and the root, the roots, the revoked. Either all of it fits together, or it is refused with the file and the reason.
import { createPrivateKey, type KeyObject, type X509Certificate } from 'node:crypto';
import { failed, ok, type Result } from '#base/result.ts';
import { isIssuedBy, joinCertificates, readCertificates } from '#ca/pem.ts';
import { gapIn, type RevocationList, readRevocationLists } from '#ca/revocation-list.ts';

export const fileNames = {
  certificate: 'ca-cert.pem',
  key: 'ca-key.pem',
  chain: 'cert-chain.pem',
  roots: 'root-cert.pem',
  crl: 'ca-crl.pem',
} as const;

export type SetFile = keyof typeof fileNames;

/** Undefined: there is no such file. */
export type SetTexts = Readonly<Record<SetFile, string | undefined>>;

export type SigningSet = {
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
  /** What goes out after a certificate that was signed: the signing certificate and those up to the root, the root itself left out. PEM. */
  readonly intermediates: string;
  /** PEM, the one that `certificate` is under first. */
  readonly roots: string;
  readonly rootCertificates: readonly X509Certificate[];
  /** PEM, as it stands in the file. */
  readonly crl?: string;
  readonly revocationLists: readonly RevocationList[];
  /** The end of the first certificate on the way to the root that ends. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
};

/** What is wrong, and in which file. */
export type SetProblem = { readonly file: SetFile; readonly reason: string };

export function readSigningSet(texts: SetTexts, nowMs: number): Result<SigningSet, SetProblem> {
  const certificate = readSigner(texts, nowMs);
  if (!certificate.ok) return certificate;
  const key = readKey(texts, certificate.value);
  if (!key.ok) return key;
  const roots = readRoots(texts, certificate.value);
  if (!roots.ok) return roots;
  const path = pathToRoot(texts, certificate.value, roots.value);
  if (!path.ok) return path;
  const { root, intermediates } = path.value;
  const ordered = [root, ...roots.value.filter((other) => other !== root)];
  const whole = [...intermediates, root];
  const over = whole.find(({ validTo }) => Date.parse(validTo) <= nowMs);
  if (over !== undefined) return problem(over === root ? 'roots' : 'chain', `${subjectOf(over)} expired at ${over.validTo}`);
  const lists = readLists(texts.crl, [...intermediates, ...ordered], nowMs);
  if (!lists.ok) return lists;
  return ok({
    certificate: certificate.value,
    key: key.value,
    intermediates: joinCertificates(intermediates),
    roots: joinCertificates(ordered),
    rootCertificates: ordered,
    ...(lists.value.length > 0 && { crl: texts.crl ?? '' }),
    revocationLists: lists.value,
    notBeforeMs: Math.max(...whole.map(({ validFrom }) => Date.parse(validFrom))),
    notAfterMs: Math.min(...whole.map(({ validTo }) => Date.parse(validTo))),
  });
}

function problem(file: SetFile, reason: string): { readonly ok: false; readonly error: SetProblem } {
  return failed({ file, reason });
}

function readSigner({ certificate: text }: SetTexts, nowMs: number): Result<X509Certificate, SetProblem> {
  if (text === undefined) return problem('certificate', 'it is missing');
  const read = readCertificates(text);
  if (!read.ok) return problem('certificate', read.error);
  const [certificate, ...others] = read.value;
  if (certificate === undefined || others.length > 0) return problem('certificate', `it must hold one certificate, not ${read.value.length}`);
  if (!certificate.ca) return problem('certificate', 'the certificate may not sign others (CA:FALSE)');
  if (Date.parse(certificate.validTo) <= nowMs) return problem('certificate', `the certificate expired at ${certificate.validTo}`);
  return ok(certificate);
}

function readKey({ key: text }: SetTexts, certificate: X509Certificate): Result<KeyObject, SetProblem> {
  if (text === undefined) return problem('key', 'it is missing');
  let key: KeyObject;
  try {
    key = createPrivateKey(text);
  } catch {
    // OpenSSL's own words may quote what it read.
    return problem('key', 'it holds no private key in PEM without a passphrase');
  }
  const weak = weakness(key);
  if (weak !== undefined) return problem('key', weak);
  return certificate.checkPrivateKey(key) ? ok(key) : problem('key', `the key does not fit the certificate in ${fileNames.certificate}`);
}

/** Why a key may neither sign nor be signed; undefined: it may. ECDSA on the curves of NIST, and RSA from 2048 bits. */
export function weakness(key: KeyObject): string | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === 'rsa') {
    const bits = details?.modulusLength ?? 0;
    return bits >= 2048 && bits <= 8192 ? undefined : `an RSA key must have 2048 to 8192 bits, not ${bits}`;
  }
  if (type !== 'ec') return `a key must be ECDSA or RSA, not ${String(type)}`;
  const curve = details?.namedCurve ?? 'an unnamed one';
  return ['prime256v1', 'secp384r1', 'secp521r1'].includes(curve) ? undefined : `an ECDSA key must be on P-256, P-384 or P-521, not on ${curve}`;
}

/** Without the file, a signer that signed itself is the root. */
function readRoots({ roots: text }: SetTexts, certificate: X509Certificate): Result<readonly X509Certificate[], SetProblem> {
  if (text === undefined) return isIssuedBy(certificate, certificate) ? ok([certificate]) : problem('roots', 'it is missing');
  const read = readCertificates(text);
  if (!read.ok) return problem('roots', read.error);
  const other = read.value.find(({ ca }) => !ca);
  if (other !== undefined) return problem('roots', `a certificate in it may not sign others (CA:FALSE): ${other.subject.replaceAll('\n', ', ')}`);
  return read.value.length > 0 ? ok(read.value) : problem('roots', 'it holds no certificate');
}

/** From the signer through the certificates of the chain file, in their order, to a root. The chain may repeat signer and root, as Istio's does. */
function pathToRoot(
  { chain: text }: SetTexts,
  certificate: X509Certificate,
  roots: readonly X509Certificate[],
): Result<{ readonly intermediates: readonly X509Certificate[]; readonly root: X509Certificate }, SetProblem> {
  const read = readCertificates(text ?? '');
  if (!read.ok) return problem('chain', read.error);
  const own = roots.find(({ raw }) => raw.equals(certificate.raw));
  if (own !== undefined) return ok({ intermediates: [], root: own });
  const path = [certificate];
  for (const next of read.value) {
    const last = path.at(-1) ?? certificate;
    if (next.raw.equals(certificate.raw) || roots.some(({ raw }) => raw.equals(next.raw))) continue;
    if (!isIssuedBy(last, next)) return problem('chain', `the chain is broken: ${subjectOf(last)} is not signed by ${subjectOf(next)}`);
    path.push(next);
  }
  const last = path.at(-1) ?? certificate;
  const root = roots.find((candidate) => isIssuedBy(last, candidate));
  if (root === undefined) return problem('roots', `none of the roots signed ${subjectOf(last)}`);
  return ok({ intermediates: path, root });
}

/** No file, or an empty one, is fine. */
function readLists(text: string | undefined, authorities: readonly X509Certificate[], nowMs: number): Result<readonly RevocationList[], SetProblem> {
  if (text === undefined || text.trim() === '') return ok([]);
  const lists = readRevocationLists(text);
  if (!lists.ok) return problem('crl', lists.error);
  const gap = gapIn(lists.value, authorities, nowMs);
  return gap === undefined ? lists : problem('crl', gap);
}

function subjectOf({ subject }: X509Certificate): string {
  return subject === undefined || subject === '' ? 'a certificate without a subject' : subject.replaceAll('\n', ', ');
}
