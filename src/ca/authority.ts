// The certificate authority: a signing set in force, requests in, certificates out. Who asks is settled before; the identity that goes into a
// certificate is the caller's, and nothing of a request counts but its key.
import type { X509Certificate } from 'node:crypto';
import type { Clock } from '#base/clock.ts';
import { failed, ok, type Result } from '#base/result.ts';
import type { Name } from '#ca/certificate-extensions.ts';
import { readCertificateRequest } from '#ca/certificate-request.ts';
import { type LeafContent, writeLeaf } from '#ca/certificate-writer.ts';
import { formatIdentity, type Identity } from '#ca/identity.ts';
import type { SigningSet } from '#ca/signing-set.ts';
import { isWorkloadName } from '#ca/workload-name.ts';

const hourMs = 3_600_000;
/** Istio's: 24 h unless asked for something else, at most 90 days, and from two minutes ago, for clocks that are behind. */
export const defaultValidityMs = 24 * hourMs;
export const longestValidityMs = 90 * 24 * hourMs;
export const backdateMs = 120_000;

export type Refusal = { readonly kind: 'invalid' | 'denied' | 'unavailable'; readonly reason: string };

export type SignOptions = {
  readonly set: SigningSet;
  readonly clock: Clock;
  /** PEM, PKCS #10. */
  readonly csr: string;
  /** Who asks, as it proved. */
  readonly identity: Identity;
  /** The only WorkloadGroup that it may be a member of, as it proved: its certificate says so, too. */
  readonly workloadGroup?: string | undefined;
  /** What telemetry calls the workload, as it says itself: see `isWorkloadName`. */
  readonly workloadName?: string | undefined;
  /** Undefined or 0: the default. */
  readonly validityMs?: number;
};

/** The answer as IstioCertificateResponse has it: the certificate, what is between it and the root, and all roots as the last element. */
export async function signRequest({
  set,
  clock,
  csr,
  identity,
  workloadGroup,
  workloadName,
  validityMs = 0,
}: SignOptions): Promise<Result<readonly string[], Refusal>> {
  const request = await readCertificateRequest(csr);
  if (!request.ok) return failed({ kind: 'invalid', reason: request.error });
  const { publicKey, uris } = request.value;
  const own = formatIdentity(identity);
  // Nothing of what it asks for would be used; but whoever asks for somebody else is told.
  const stranger = uris.find((uri) => uri !== own);
  if (stranger !== undefined) {
    return failed({ kind: 'denied', reason: `the certificate request is for ${stranger.slice(0, 300)}, and the caller is ${own}` });
  }
  const names: Name[] = [{ type: 'url', value: own }];
  if (workloadName !== undefined && isWorkloadName(workloadName, identity)) names.push({ type: 'other', value: workloadName });
  const leaf = signLeaf(set, clock, { publicKey, names, workloadGroup, validityMs });
  if (!leaf.ok) return failed({ kind: 'unavailable', reason: leaf.error });
  return ok([leaf.value.toString(), ...(set.intermediates === '' ? [] : [set.intermediates]), set.roots]);
}

/** As long as asked for, within what is allowed and what the signing certificate itself has left. The error says that it cannot sign now. */
export function signLeaf(
  set: SigningSet,
  clock: Clock,
  { publicKey, names, workloadGroup, validityMs }: Pick<LeafContent, 'publicKey' | 'names' | 'workloadGroup'> & { readonly validityMs: number },
): Result<X509Certificate, string> {
  const nowMs = clock.nowMs();
  if (nowMs >= set.notAfterMs) return failed(`the authority's own certificate expired at ${new Date(set.notAfterMs).toISOString()}`);
  if (nowMs < set.notBeforeMs) return failed(`the authority's own certificate is not valid before ${new Date(set.notBeforeMs).toISOString()}`);
  const askedMs = validityMs > 0 ? Math.min(validityMs, longestValidityMs) : defaultValidityMs;
  const notBeforeMs = Math.max(nowMs - backdateMs, set.notBeforeMs);
  const notAfterMs = Math.min(nowMs + askedMs, set.notAfterMs);
  return ok(writeLeaf(set, { publicKey, names, workloadGroup, notBeforeMs, notAfterMs }));
}
