// A fresh key, and the request for a certificate over it (PKCS #10, RFC 2986). The request names nobody: who asks is known by how it
// authenticates, and the authority takes nothing from a request but the key.
import { generateKeyPair, type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { failed, ok, type Result } from '#base/result.ts';
import { SecretText } from '#base/secret-text.ts';
import { encode, encodeBitString, encodeInteger, encodeOid, tags } from '#ca/client/der.ts';

/** ECDSA on P-256, or RSA of so many bits for peers that know nothing newer. */
export type KeyType = 'ecdsa' | { readonly rsaBits: 2048 | 3072 | 4096 };

/**
 * The key that a workload's environment asks for, by the variable of Istio's agent; ECDSA where it says nothing. The error is a sentence.
 * Differs from Istio, whose agent makes RSA keys unless ECC_SIGNATURE_ALGORITHM is set.
 */
export function readKeyType(environment: Readonly<Record<string, string | undefined>>): Result<KeyType, string> {
  const written = environment['WORKLOAD_RSA_KEY_SIZE'];
  if (written === undefined || written === '') return ok('ecdsa');
  const rsaBits = ([2048, 3072, 4096] as const).find((bits) => String(bits) === written);
  return rsaBits === undefined ? failed(`WORKLOAD_RSA_KEY_SIZE ${written} is none of 2048, 3072, 4096`) : ok({ rsaBits });
}

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
  return type === 'ecdsa' ? generate('ec', { namedCurve: 'P-256' }) : generate('rsa', { modulusLength: type.rsaBits });
}

/** RFC 5758 section 3.2 (ECDSA with SHA-256: no parameters), RFC 4055 section 5 (RSA with SHA-256: NULL). */
const algorithms = {
  ecdsa: encode(tags.sequence, encodeOid('1.2.840.10045.4.3.2')),
  rsa: encode(tags.sequence, encodeOid('1.2.840.113549.1.1.11'), encode(tags.null)),
};

function requestFor(type: KeyType, publicKey: KeyObject, privateKey: KeyObject): string {
  const version = encodeInteger(0);
  const subject = encode(tags.sequence);
  const attributes = encode(tags.context0);
  const information = encode(tags.sequence, version, subject, publicKey.export({ format: 'der', type: 'spki' }), attributes);
  const signature = sign('sha256', information, privateKey);
  const request = encode(tags.sequence, information, algorithms[type === 'ecdsa' ? 'ecdsa' : 'rsa'], encodeBitString(signature));
  const lines = request.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE REQUEST-----\n${lines.join('\n')}\n-----END CERTIFICATE REQUEST-----\n`;
}
