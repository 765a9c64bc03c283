// The certificate authority: a signing set in force, requests in, certificates out. Who asks is settled before; the identity that goes into a
// certificate is the caller's, and nothing of a request counts but its key.
import { createPublicKey, type X509Certificate } from 'node:crypto';
import type { Clock } from '#base/clock.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { type LeafContent, writeLeaf } from '#ca/certificate-writer.ts';
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
  const leaf = await signLeaf(set, clock, { publicKey: publicKey.value, names, validityMs });
  if (!leaf.ok) return failed({ kind: 'unavailable', reason: leaf.error });
  return ok([leaf.value.toString(), ...(set.intermediates === '' ? [] : [set.intermediates]), set.roots]);
}

/** As long as asked for, within what is allowed and what the signing certificate itself has left. The error says that it cannot sign now. */
export async function signLeaf(
  set: SigningSet,
  clock: Clock,
  { publicKey, names, validityMs }: Pick<LeafContent, 'publicKey' | 'names'> & { readonly validityMs: number },
): Promise<Result<X509Certificate, string>> {
  const nowMs = clock.nowMs();
  if (nowMs >= set.notAfterMs) return failed(`the authority's own certificate expired at ${new Date(set.notAfterMs).toISOString()}`);
  if (nowMs < set.notBeforeMs) return failed(`the authority's own certificate is not valid before ${new Date(set.notBeforeMs).toISOString()}`);
  const askedMs = validityMs > 0 ? Math.min(validityMs, longestValidityMs) : defaultValidityMs;
  const notBeforeMs = Math.max(nowMs - backdateMs, set.notBeforeMs);
  const notAfterMs = Math.min(nowMs + askedMs, set.notAfterMs);
  return ok(await writeLeaf(set, { publicKey, names, notBeforeMs, notAfterMs }));
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
    const spki = new Uint8Array(request.publicKey.rawData);
    const weak = weakness(createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }));
    if (weak !== undefined) return invalid(weak);
    if (!(await request.verify())) return invalid('the signature of the certificate request is wrong: whoever asks does not hold the key');
    const named = request.extensions.flatMap((extension) =>
      extension instanceof x509.SubjectAlternativeNameExtension ? extension.names.items.filter(({ type }) => type === 'url') : [],
    );
    const stranger = named.find(({ value }) => value !== own);
    if (stranger === undefined) return ok(spki);
    return failed({ kind: 'denied', reason: `the certificate request is for ${stranger.value.slice(0, 300)}, and the caller is ${own}` });
  } catch {
    return invalid('the certificate request cannot be read');
  }
}
