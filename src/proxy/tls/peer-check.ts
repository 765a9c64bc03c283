// A peer's certificate, its chain already judged by OpenSSL, against the rest of its validation context: hashes and names.
import type { X509Certificate } from 'node:crypto';
import { dnsNameCovers } from '#decide/tls-context.ts';
import type { PeerValidation } from '#decide/tls-entry.ts';
import { peerNamesOf } from '#proxy/tls/peer-names.ts';
import { sanMatches } from '#proxy/tls/san-match.ts';

/** True where there is anything that a certificate is held against. */
export function checksPeer(validation: PeerValidation): boolean {
  const { trustedCa, certificateHashes, keyHashes } = validation;
  return trustedCa !== undefined || certificateHashes.length > 0 || keyHashes.length > 0;
}

/** Why the certificate is not the one that is wanted; undefined: it is. Source: Envoy, DefaultCertValidator::verifyCertificate. */
export function refusePeer(certificate: X509Certificate, validation: PeerValidation): string | undefined {
  const { subjectAltNames, certificateHashes, keyHashes } = validation;
  if (subjectAltNames.length > 0 && !sanMatches(peerNamesOf(certificate), subjectAltNames)) return 'no name of the certificate is allowed';
  if (certificateHashes.length + keyHashes.length === 0) return undefined;
  const hash = certificate.fingerprint256.replaceAll(':', '').toLowerCase();
  if (certificateHashes.includes(hash) || (keyHashes.length > 0 && keyHashes.includes(keyHash(certificate)))) return undefined;
  return 'the certificate is none of those that are allowed by their hash';
}

/** Why the certificate is not for a name that a request asked for; undefined: it is. Source: Envoy, DefaultCertValidator::verifySubjectAltName. */
export function refuseName(certificate: X509Certificate, wanted: string): string | undefined {
  const { dnsNames, uris, addresses } = peerNamesOf(certificate);
  const isFor = dnsNames.some((name) => dnsNameCovers(name, wanted)) || uris.includes(wanted) || addresses.includes(wanted);
  return isFor ? undefined : `the certificate is not for ${wanted === '' ? 'a request without a host' : wanted}`;
}

function keyHash(certificate: X509Certificate): string {
  const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
  return process.getBuiltinModule('node:crypto').createHash('sha256').update(spki).digest('base64');
}
