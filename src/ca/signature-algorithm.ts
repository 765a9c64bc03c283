// The signature algorithms that are taken from strangers, and used: ECDSA (RFC 5758) and RSA with PKCS #1 v1.5 (RFC 4055), with SHA-256 or longer.
import { type KeyObject, verify } from 'node:crypto';
import { encodeOid } from '#ca/client/der.ts';
import { type Element, readElements } from '#ca/der-reader.ts';

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

/** Whether the holder of `key` signed these bytes; `algorithm` is an AlgorithmIdentifier. Another algorithm is no signature. */
export function isSignature(key: KeyObject, signed: Buffer, algorithm: Element, signature: Buffer): boolean {
  const oid = readElements(algorithm.content)?.[0];
  const hash = hashes.get(oid?.whole.toString('hex') ?? '');
  return hash !== undefined && verify(hash, signed, key, signature);
}
