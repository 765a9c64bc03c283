// Whether a certificate was taken back: looked up in the authority's revocation lists (ca-crl.pem), as far as they are signed by who issued it.
import type { X509Certificate } from 'node:crypto';
import { readCertificates } from '#ca/pem.ts';
import type { SigningSet } from '#ca/signing-set.ts';
import { loadX509 } from '#ca/x509.ts';

const block = /-----BEGIN X509 CRL-----[A-Za-z0-9+/=\s]+-----END X509 CRL-----/g;

/** Serial numbers (hexadecimal, as Node writes them) by the subject of their issuer. */
type Revoked = ReadonlyMap<string, ReadonlySet<string>>;

const read = new WeakMap<SigningSet, Promise<Revoked>>();

export async function isRevoked(certificate: X509Certificate, set: SigningSet): Promise<boolean> {
  if (set.crl === undefined) return false;
  let lists = read.get(set);
  if (lists === undefined) {
    lists = readLists(set, set.crl);
    read.set(set, lists);
  }
  return (await lists).get(certificate.issuer)?.has(plain(certificate.serialNumber)) === true;
}

async function readLists(set: SigningSet, pem: string): Promise<Revoked> {
  const x509 = await loadX509();
  const intermediates = readCertificates(set.intermediates);
  const issuers = [...(intermediates.ok ? intermediates.value : []), ...set.rootCertificates];
  const revoked = new Map<string, Set<string>>();
  for (const [text] of pem.matchAll(block)) {
    const list = new x509.X509Crl(text);
    for (const issuer of issuers) {
      const publicKey = await new x509.PublicKey(new Uint8Array(issuer.publicKey.export({ format: 'der', type: 'spki' }))).export();
      if (!(await list.verify({ publicKey }).catch(() => false))) continue;
      const serials = revoked.get(issuer.subject) ?? new Set();
      for (const { serialNumber } of list.entries) serials.add(plain(serialNumber));
      revoked.set(issuer.subject, serials);
    }
  }
  return revoked;
}

function plain(serial: string): string {
  return serial.toUpperCase().replace(/^0+/, '');
}
