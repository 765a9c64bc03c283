// PEM text (RFC 7468) in, its certificates out. Node parses each one; the text around the blocks is read over, as OpenSSL does.
import { X509Certificate } from 'node:crypto';
import { failed, ok, type Result } from '#base/result.ts';

const certificateBlock = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]*-----END CERTIFICATE-----/g;
const anyMark = /-----(BEGIN|END) [A-Z0-9 ]+-----/g;

/** All certificates of the text, in order; none is fine. The error says which block is broken and in which line it begins. */
export function readCertificates(pem: string): Result<readonly X509Certificate[], string> {
  const found: X509Certificate[] = [];
  let blocks = 0;
  for (const match of pem.matchAll(certificateBlock)) {
    blocks += 2;
    const line = pem.slice(0, match.index).split('\n').length;
    try {
      found.push(new X509Certificate(match[0]));
    } catch {
      return failed(`the block in line ${line} is no certificate`);
    }
  }
  const marks = [...pem.matchAll(anyMark)];
  if (marks.length !== blocks) {
    const odd = marks.find(([mark]) => !mark.includes(' CERTIFICATE-----'));
    return failed(odd === undefined ? 'a block is cut off or holds what base64 does not have' : `it holds more than certificates (${odd[0]})`);
  }
  return ok(found);
}

/** Certificates as one PEM text, each block ended by a line break. */
export function joinCertificates(certificates: readonly X509Certificate[]): string {
  return certificates.map((certificate) => `${certificate.toString().trim()}\n`).join('');
}

/** Whether `issuer` signed `certificate`: names, key identifiers and signature. Validity in time is not looked at. */
export function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

/** `spiffe://…` of a certificate with exactly one URI among its names; undefined otherwise, as SPIFFE X.509-SVID section 2 has it. */
export function uriOf(certificate: X509Certificate): string | undefined {
  const uris = [...(certificate.subjectAltName ?? '').matchAll(/(?:^|, )URI:([^,"\s]+)(?=,|$)/g)].map(([, uri]) => uri);
  return uris.length === 1 ? uris[0] : undefined;
}
