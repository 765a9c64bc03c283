// What an authority answered, checked before anybody uses it: that it is for the key which was sent, that it names one identity, that the
// chain leads to a root.
import { createPrivateKey, type X509Certificate } from 'node:crypto';
import { failed, ok, type Result } from '#base/result.ts';
import type { SecretText } from '#base/secret-text.ts';
import type { Life } from '#ca/client/renewal.ts';
import type { WorkloadCertificate } from '#ca/client/workload-identity.ts';
import { isIssuedBy, joinCertificates, readCertificates, uriOf } from '#ca/pem.ts';

export type Answer = WorkloadCertificate & Life;

/** `certChain` as IstioCertificateResponse has it: own certificate first, roots in the last element. The error is a sentence for the log. */
export function readAnswer(certChain: readonly string[], key: SecretText): Result<Answer, string> {
  const last = certChain.at(-1);
  if (last === undefined || certChain.length < 2) return failed('the answer holds no certificate with its root');
  const chain = readCertificates(certChain.slice(0, -1).join('\n'));
  if (!chain.ok) return failed(`the chain: ${chain.error}`);
  const roots = readCertificates(last);
  if (!roots.ok) return failed(`the roots: ${roots.error}`);
  const own = chain.value[0];
  if (own === undefined || roots.value.length === 0) return failed('the answer lacks the certificate or its roots');
  if (!own.checkPrivateKey(createPrivateKey(key.reveal()))) return failed('the certificate is for another key than was sent');
  const identity = uriOf(own);
  if (identity === undefined) return failed('the certificate does not name exactly one identity');
  if (!leadsTo(chain.value, roots.value)) return failed('the chain leads to none of the roots that came with it');
  return ok({
    // The same form whoever answered: what stood around the blocks is nobody's business.
    chain: joinCertificates(chain.value),
    key,
    roots: joinCertificates(roots.value),
    identity,
    notBeforeMs: Date.parse(own.validFrom),
    notAfterMs: Math.min(...chain.value.map(({ validTo }) => Date.parse(validTo))),
  });
}

/** Whether each certificate is signed by the next one, and the last one by one of the roots. */
export function leadsTo(chain: readonly X509Certificate[], roots: readonly X509Certificate[]): boolean {
  return chain.every((certificate, index) => {
    const next = chain[index + 1];
    return next === undefined ? roots.some((root) => isIssuedBy(certificate, root)) : isIssuedBy(certificate, next);
  });
}

/** Whether the chain leads to the first of the roots: an authority puts the one that it signs under there. */
export function isUnderFirstRoot(chain: string, roots: string): boolean {
  const certificates = readCertificates(chain);
  const first = readCertificates(roots);
  if (!certificates.ok || !first.ok) return true;
  const [root] = first.value;
  return root === undefined || leadsTo(certificates.value, [root]);
}
