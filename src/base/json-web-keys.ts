// A JSON Web Key Set (RFC 7517) in, keys ready to verify with out. Keys that cannot be used are left out. What is no key set here Envoy refuses, too.
import type { KeyObject } from 'node:crypto';
import { base64Url } from '#base/base64-url.ts';
import { type JsonObject, parseStrictObject } from '#base/strict-json.ts';

export type JsonWebKey = {
  readonly kty: 'RSA' | 'EC' | 'OKP' | 'oct';
  /** '' where the set does not say: then they are not asked for. */
  readonly kid: string;
  readonly alg: string;
  readonly key: KeyObject;
};

/** Undefined for text that is no key set, or a set without a key that can be used. Source: Envoy, Jwks::createFromJwksCore. */
export function readKeys(text: string): readonly JsonWebKey[] | undefined {
  const set = parseStrictObject(Buffer.from(text));
  if (set === undefined) return undefined;
  const { keys: written } = set;
  if (written !== undefined && !Array.isArray(written)) return undefined;
  const keys = written === undefined ? certificateKeys(set) : written.flatMap((item) => (isObject(item) ? (readKey(item) ?? []) : []));
  return keys.length === 0 ? undefined : keys;
}

/** What a key set says beside what verifying needs: RFC 7518, sections 6.2.2 and 6.3.2. */
const privateFields = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth'];

/** A key set as others may see it: without what tokens are signed with, where somebody has put that in. The text itself where there is none. */
export function publicKeySet(text: string): { readonly text: string; readonly heldPrivate: boolean } {
  const set = parseStrictObject(Buffer.from(text));
  const written = set?.['keys'];
  if (!Array.isArray(written)) return { text, heldPrivate: false };
  const isPrivate = (key: JsonObject): boolean => key['kty'] !== 'oct' && privateFields.some((name) => Object.hasOwn(key, name));
  if (!written.some((key) => isObject(key) && isPrivate(key))) return { text, heldPrivate: false };
  const keys = written.map((key) =>
    isObject(key) ? Object.fromEntries(Object.entries(key).filter(([name]) => !privateFields.includes(name))) : key,
  );
  return { text: JSON.stringify({ keys }), heldPrivate: true };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readKey(jwk: JsonObject): JsonWebKey | undefined {
  const kid = typeof jwk['kid'] === 'string' ? jwk['kid'] : '';
  const alg = typeof jwk['alg'] === 'string' ? jwk['alg'] : '';
  switch (jwk['kty']) {
    case 'RSA':
      // Envoy takes no other exponents.
      if (!fits(alg, /^[RP]S/) || (jwk['e'] !== 'AQAB' && jwk['e'] !== 'Aw')) return undefined;
      return withKey('RSA', kid, alg, importPublic({ kty: 'RSA', n: jwk['n'], e: jwk['e'] }));
    case 'EC': {
      const crv = curveOf(alg, jwk['crv'] ?? '');
      return crv === undefined ? undefined : withKey('EC', kid, alg, importPublic({ kty: 'EC', crv, x: jwk['x'], y: jwk['y'] }));
    }
    case 'OKP':
      if (!fits(alg, /^EdDSA$/) || jwk['crv'] !== 'Ed25519') return undefined;
      return withKey('OKP', kid, alg, importPublic({ kty: 'OKP', crv: 'Ed25519', x: jwk['x'] }));
    case 'oct':
      return fits(alg, /^HS(256|384|512)$/) ? withKey('oct', kid, alg, importSecret(jwk['k'])) : undefined;
    default:
      return undefined;
  }
}

function fits(alg: string, pattern: RegExp): boolean {
  return alg === '' || pattern.test(alg);
}

const curves: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };

/** The curve that is named or that the algorithm means; undefined where they differ or neither is known. */
function curveOf(alg: string, crv: unknown): string | undefined {
  const meant = alg === '' ? undefined : curves[alg];
  if (alg !== '' && meant === undefined) return undefined;
  if (crv === '') return meant ?? 'P-256';
  const known = typeof crv === 'string' && Object.values(curves).includes(crv) ? crv : undefined;
  return meant === undefined || meant === known ? known : undefined;
}

/** Only the public fields are taken: a set that gives its private keys away does not put them in here. */
function importPublic(jwk: Readonly<Record<string, unknown>>): KeyObject | undefined {
  if (Object.values(jwk).some((value) => typeof value !== 'string')) return undefined;
  try {
    return process.getBuiltinModule('node:crypto').createPublicKey({ key: jwk, format: 'jwk' });
  } catch {
    return undefined;
  }
}

function importSecret(text: unknown): KeyObject | undefined {
  const bytes = typeof text === 'string' ? base64Url(text) : undefined;
  return bytes === undefined || bytes.length === 0 ? undefined : process.getBuiltinModule('node:crypto').createSecretKey(bytes);
}

function withKey(kty: JsonWebKey['kty'], kid: string, alg: string, key: KeyObject | undefined): JsonWebKey | undefined {
  return key === undefined ? undefined : { kty, kid, alg, key };
}

/** The older form, where each name of the set is a key's and its value a certificate. */
function certificateKeys(set: JsonObject): readonly JsonWebKey[] {
  const { X509Certificate } = process.getBuiltinModule('node:crypto');
  const keys: JsonWebKey[] = [];
  for (const [kid, pem] of Object.entries(set)) {
    if (kid === '' || typeof pem !== 'string' || !pem.startsWith('-----BEGIN CERTIFICATE-----\n')) return [];
    try {
      const { publicKey } = new X509Certificate(pem);
      if (publicKey.asymmetricKeyType !== 'rsa') return [];
      keys.push({ kty: 'RSA', kid, alg: '', key: publicKey });
    } catch {
      return [];
    }
  }
  return keys;
}

/**
 * A key set that no token fits, for rules whose keys could not be had: a token is then refused, not believed. Its one key is a point that was
 * chosen by hashing a sentence, so that nobody knows the number behind it. Source of the idea: Istio, PublicOnlyJwks.
 */
export const keysOfNobody = JSON.stringify({
  keys: [
    { kty: 'EC', crv: 'P-256', alg: 'ES256', x: 'PBfDw-Mi08MEJW2tYaUzgJ1C8sBOEFnsiC8i9DEaWtY', y: 'GhMez_JbQ7v0DvvR4ae8TTb6dtQJbDhm6APRyFiZCU4' },
  ],
});
