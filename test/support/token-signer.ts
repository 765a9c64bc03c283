// Tokens for tests, signed with keys that a test makes itself: fresh ones, or from a name, so that two runs have the same and a golden can hold
// the public half.
import { createECDH, createHash, createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

export type Jwk = Readonly<Record<string, unknown>>;

export type SigningKey = { readonly kid: string; readonly alg: string; readonly secret: KeyObject | Buffer; readonly jwk: Jwk };

/** `alg`: RS256 and its like, PS256 …, ES256 …, EdDSA, HS256 …. */
export function makeKey(alg: string, kid: string): SigningKey {
  if (alg.startsWith('HS')) return secretKey(alg, kid, createHash('sha512').update(`a secret that is made up for ${kid}`).digest());
  if (alg === 'EdDSA') return privateKey(alg, kid, generateKeyPairSync('ed25519').privateKey);
  if (alg.startsWith('ES')) {
    const namedCurve = alg === 'ES256' ? 'P-256' : alg === 'ES384' ? 'P-384' : 'P-521';
    return privateKey(alg, kid, generateKeyPairSync('ec', { namedCurve }).privateKey);
  }
  return privateKey(alg, kid, generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey);
}

/** An ES256 key that follows from its name. */
export function namedKey(name: string): SigningKey {
  const scalar = createHash('sha256').update(`Heddle's test key ${name}`).digest();
  const ecdh = createECDH('prime256v1');
  ecdh.setPrivateKey(scalar);
  const point = ecdh.getPublicKey();
  const coordinate = (from: number): string => point.subarray(from, from + 32).toString('base64url');
  const key = { kty: 'EC', crv: 'P-256', d: scalar.toString('base64url'), x: coordinate(1), y: coordinate(33) };
  return privateKey('ES256', name, createPrivateKey({ key, format: 'jwk' }));
}

function privateKey(alg: string, kid: string, secret: KeyObject): SigningKey {
  return { kid, alg, secret, jwk: { ...createPublicKey(secret).export({ format: 'jwk' }), kid } };
}

function secretKey(alg: string, kid: string, secret: Buffer): SigningKey {
  return { kid, alg, secret, jwk: { kty: 'oct', k: secret.toString('base64url'), kid } };
}

export function jwksOf(...keys: readonly SigningKey[]): string {
  return JSON.stringify({ keys: keys.map(({ jwk }) => jwk) });
}

/** `header` stands in for the usual one; claims may be given as text, to be as odd as they like. */
export function signToken(key: SigningKey, claims: Jwk | string, header: Jwk | string = { alg: key.alg, kid: key.kid }): string {
  const text = `${encode(header)}.${encode(claims)}`;
  return `${text}.${signatureOf(key, text).toString('base64url')}`;
}

function encode(part: Jwk | string): string {
  return Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');
}

function signatureOf({ alg, secret }: SigningKey, text: string): Buffer {
  const hash = `sha${alg.slice(2)}`;
  if (Buffer.isBuffer(secret)) return createHmac(hash, secret).update(text).digest();
  const data = Buffer.from(text);
  if (alg === 'EdDSA') return sign(null, data, secret);
  if (alg.startsWith('ES')) return sign(hash, data, { key: secret, dsaEncoding: 'ieee-p1363' });
  // 6: RSA_PKCS1_PSS_PADDING, with a salt as long as the hash.
  return alg.startsWith('PS') ? sign(hash, data, { key: secret, padding: 6, saltLength: -1 }) : sign(hash, data, secret);
}
