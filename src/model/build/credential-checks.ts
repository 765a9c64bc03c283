// Whether PEM texts are what the proxies can use: certificates that can be read, with the key that fits them, of kinds that Envoy takes. Messages
// say what is wrong and never quote a key.
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';

/** Completes "tls.key …". */
export type PemProblem = { readonly message: string; readonly hint: string };

/** Undefined where the pair can be served. `part`: which of the two texts it is about. */
export function problemOfKeyPair(chain: string, key: string): (PemProblem & { readonly part: 'chain' | 'key' }) | undefined {
  const certificates = readCertificates(chain);
  if (!Array.isArray(certificates)) return { ...certificates, part: 'chain' };
  const [own] = certificates;
  const privateKey = readKey(key);
  if ('message' in privateKey) return { ...privateKey, part: 'key' };
  if (own === undefined || !own.checkPrivateKey(privateKey)) {
    const message = 'does not fit the certificate: it belongs to another one';
    return { part: 'key', message, hint: 'the own certificate stands first in the chain; take both from the same place' };
  }
  const strength = weakness(privateKey);
  return strength === undefined ? undefined : { part: 'key', message: strength, hint: 'use ECDSA with P-256, or RSA with at least 2048 bits' };
}

export function problemOfRoots(pem: string): PemProblem | undefined {
  const certificates = readCertificates(pem);
  return Array.isArray(certificates) ? undefined : certificates;
}

export function problemOfCrl(pem: string): PemProblem | undefined {
  const blocks = pem.match(/-----BEGIN X509 CRL-----[A-Za-z0-9+/=\s]+-----END X509 CRL-----/g) ?? [];
  return blocks.length > 0 ? undefined : { message: 'holds no revocation list in PEM', hint: 'it begins with -----BEGIN X509 CRL-----' };
}

/** The certificates of a PEM text, in order. */
export function certificatesIn(pem: string): readonly X509Certificate[] {
  const certificates = readCertificates(pem);
  return Array.isArray(certificates) ? certificates : [];
}

function readCertificates(pem: string): X509Certificate[] | PemProblem {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/gs) ?? [];
  if (blocks.length === 0) return { message: 'holds no certificate in PEM', hint: 'it begins with -----BEGIN CERTIFICATE-----' };
  const read: X509Certificate[] = [];
  for (const [index, block] of blocks.entries()) {
    try {
      read.push(new X509Certificate(block));
    } catch {
      return { message: `cannot be read: certificate ${index + 1} of ${blocks.length} is damaged`, hint: 'copy the whole file, line by line' };
    }
  }
  return read;
}

function readKey(pem: string): KeyObject | PemProblem {
  const kind = /-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----/.exec(pem)?.[1];
  if (kind === undefined) return { message: 'holds no private key in PEM', hint: 'it begins with -----BEGIN PRIVATE KEY-----' };
  if (kind.startsWith('ENCRYPTED') || pem.includes('Proc-Type: 4,ENCRYPTED')) {
    return { message: 'is encrypted, and nobody here knows its passphrase', hint: 'decrypt it: openssl pkey -in server.key -out plain.key' };
  }
  try {
    return createPrivateKey(pem);
  } catch {
    return { message: 'cannot be read: the key is damaged', hint: 'copy the whole file, line by line' };
  }
}

/** Source: Envoy, TlsContextImpl: RSA of 2048 bits, ECDSA on the curves of NIST. */
function weakness({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): string | undefined {
  if (type === 'rsa')
    return (details?.modulusLength ?? 0) >= 2048 ? undefined : `is RSA of ${details?.modulusLength ?? 0} bits, which the proxies refuse`;
  if (type !== 'ec') return `is of type ${type ?? 'unknown'}, which the proxies do not serve`;
  const curve = details?.namedCurve ?? '';
  return ['prime256v1', 'secp384r1', 'secp521r1'].includes(curve) ? undefined : `is on the curve ${curve}, which the proxies do not serve`;
}
