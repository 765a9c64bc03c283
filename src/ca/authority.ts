// The certificate authority: a signing set in force, requests in, certificates out. Who asks is settled before; the identity that goes into a
// certificate is the caller's, and nothing of a request counts but its key.
import { createPublicKey, type KeyObject, verify, type X509Certificate } from 'node:crypto';
import type { Pkcs10CertificateRequest as Request } from '@peculiar/x509';
import type { Clock } from '#base/clock.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { type LeafContent, writeLeaf } from '#ca/certificate-writer.ts';
import { encodeOid } from '#ca/client/der.ts';
import { readElements, readInside } from '#ca/der-reader.ts';
import { formatIdentity, type Identity } from '#ca/identity.ts';
import { type SigningSet, weakness } from '#ca/signing-set.ts';
import { loadX509 } from '#ca/x509.ts';

const hourMs = 3_600_000;
/** Istio's: 24 h unless asked for something else, at most 90 days, and from two minutes ago, for clocks that are behind. */
export const defaultValidityMs = 24 * hourMs;
export const longestValidityMs = 90 * 24 * hourMs;
export const backdateMs = 120_000;

/** Requests are a few hundred bytes; an RSA key of 8192 bits makes one of some 3 KB. */
const longestCsr = 16 * 1024;

export type Refusal = { readonly kind: 'invalid' | 'denied' | 'unavailable'; readonly reason: string };

export type SignOptions = {
  readonly set: SigningSet;
  readonly clock: Clock;
  /** PEM, PKCS #10. */
  readonly csr: string;
  /** Who asks, as it proved. */
  readonly identity: Identity;
  /** Undefined or 0: the default. */
  readonly validityMs?: number;
};

/** The answer as IstioCertificateResponse has it: the certificate, what is between it and the root, and all roots as the last element. */
export async function signRequest({ set, clock, csr, identity, validityMs = 0 }: SignOptions): Promise<Result<readonly string[], Refusal>> {
  const publicKey = await readRequest(csr, formatIdentity(identity));
  if (!publicKey.ok) return publicKey;
  const names = [{ type: 'url' as const, value: formatIdentity(identity) }];
  const leaf = signLeaf(set, clock, { publicKey: publicKey.value, names, validityMs });
  if (!leaf.ok) return failed({ kind: 'unavailable', reason: leaf.error });
  return ok([leaf.value.toString(), ...(set.intermediates === '' ? [] : [set.intermediates]), set.roots]);
}

/** As long as asked for, within what is allowed and what the signing certificate itself has left. The error says that it cannot sign now. */
export function signLeaf(
  set: SigningSet,
  clock: Clock,
  { publicKey, names, validityMs }: Pick<LeafContent, 'publicKey' | 'names'> & { readonly validityMs: number },
): Result<X509Certificate, string> {
  const nowMs = clock.nowMs();
  if (nowMs >= set.notAfterMs) return failed(`the authority's own certificate expired at ${new Date(set.notAfterMs).toISOString()}`);
  if (nowMs < set.notBeforeMs) return failed(`the authority's own certificate is not valid before ${new Date(set.notBeforeMs).toISOString()}`);
  const askedMs = validityMs > 0 ? Math.min(validityMs, longestValidityMs) : defaultValidityMs;
  const notBeforeMs = Math.max(nowMs - backdateMs, set.notBeforeMs);
  const notAfterMs = Math.min(nowMs + askedMs, set.notAfterMs);
  return ok(writeLeaf(set, { publicKey, names, notBeforeMs, notAfterMs }));
}

/** The key that is asked for, when its holder asks. A request that names somebody else is refused, though nothing of it would be used. */
async function readRequest(csr: string, own: string): Promise<Result<Uint8Array, Refusal>> {
  const invalid = (reason: string) => failed({ kind: 'invalid' as const, reason });
  if (csr.length > longestCsr) return invalid(`the certificate request is longer than ${longestCsr} bytes`);
  if (!/^\s*-----BEGIN (NEW )?CERTIFICATE REQUEST-----[A-Za-z0-9+/=\s]+-----END \1?CERTIFICATE REQUEST-----\s*$/.test(csr)) {
    return invalid('the certificate request is not one block of PEM');
  }
  const x509 = await loadX509();
  try {
    const request = new x509.Pkcs10CertificateRequest(csr);
    const key = createPublicKey({ key: Buffer.from(request.publicKey.rawData), format: 'der', type: 'spki' });
    const weak = weakness(key);
    if (weak !== undefined) return invalid(weak);
    if (!isSignedBy(request, key)) return invalid('the signature of the certificate request is wrong: whoever asks does not hold the key');
    const named = request.extensions.flatMap((extension) =>
      extension instanceof x509.SubjectAlternativeNameExtension ? extension.names.items.filter(({ type }) => type === 'url') : [],
    );
    const stranger = named.find(({ value }) => value !== own);
    if (stranger === undefined) return ok(key.export({ format: 'der', type: 'spki' }));
    return failed({ kind: 'denied', reason: `the certificate request is for ${stranger.value.slice(0, 300)}, and the caller is ${own}` });
  } catch {
    return invalid('the certificate request cannot be read');
  }
}

/** ECDSA (RFC 5758) and RSA with PKCS #1 v1.5 (RFC 4055), by object identifier. */
const hashes: ReadonlyMap<string, string> = new Map(
  [
    ['1.2.840.10045.4.3.2', 'sha256'],
    ['1.2.840.10045.4.3.3', 'sha384'],
    ['1.2.840.10045.4.3.4', 'sha512'],
    ['1.2.840.113549.1.1.11', 'sha256'],
    ['1.2.840.113549.1.1.12', 'sha384'],
    ['1.2.840.113549.1.1.13', 'sha512'],
  ].map(([oid = '', hash = '']) => [encodeOid(oid).toString('hex'), hash]),
);

/** By OpenSSL, over the bytes as they came: the library would take ten times as long. */
function isSignedBy({ rawData, signature }: Request, key: KeyObject): boolean {
  const [signed, algorithm] = readInside(Buffer.from(rawData)) ?? [];
  const oid = readElements(algorithm?.content ?? Buffer.alloc(0))?.[0];
  const hash = hashes.get(oid?.whole.toString('hex') ?? '');
  return signed !== undefined && hash !== undefined && verify(hash, signed.whole, key, Buffer.from(signature));
}
