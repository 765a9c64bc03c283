// A fresh key, and the request for a certificate over it (PKCS #10, RFC 2986). The request names nobody: who asks is known by how it
// authenticates, and the authority takes nothing from a request but the key.
import { generateKeyPair, type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { SecretText } from '#base/secret-text.ts';
import { encode, encodeBitString, encodeInteger, encodeOid, tags } from '#ca/client/der.ts';

/** ECDSA on P-256, or RSA with 2048 bits for peers that know nothing newer. */
export type KeyType = 'ecdsa' | 'rsa';

export type CertificateRequest = {
  /** PEM. */
  readonly csr: string;
  /** PEM, PKCS #8. */
  readonly key: SecretText;
};

/** Makes the key off the event loop (an RSA one takes a tenth of a second). */
export async function makeCertificateRequest(type: KeyType): Promise<CertificateRequest> {
  const { privateKey, publicKey } = await makeKeyPair(type);
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' });
  return { csr: requestFor(type, publicKey, privateKey), key: new SecretText(pem.toString()) };
}

const generate = promisify(generateKeyPair);

function makeKeyPair(type: KeyType): Promise<{ readonly privateKey: KeyObject; readonly publicKey: KeyObject }> {
  return type === 'rsa' ? generate('rsa', { modulusLength: 2048 }) : generate('ec', { namedCurve: 'P-256' });
}

/** RFC 5758 section 3.2 (ECDSA with SHA-256: no parameters), RFC 4055 section 5 (RSA with SHA-256: NULL). */
const algorithms: Readonly<Record<KeyType, Buffer>> = {
  ecdsa: encode(tags.sequence, encodeOid('1.2.840.10045.4.3.2')),
  rsa: encode(tags.sequence, encodeOid('1.2.840.113549.1.1.11'), encode(tags.null)),
};

function requestFor(type: KeyType, publicKey: KeyObject, privateKey: KeyObject): string {
  const version = encodeInteger(0);
  const subject = encode(tags.sequence);
  const attributes = encode(tags.context0);
  const information = encode(tags.sequence, version, subject, publicKey.export({ format: 'der', type: 'spki' }), attributes);
  const signature = sign('sha256', information, privateKey);
  const request = encode(tags.sequence, information, algorithms[type], encodeBitString(signature));
  const lines = request.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE REQUEST-----\n${lines.join('\n')}\n-----END CERTIFICATE REQUEST-----\n`;
}
