// Whether one of the keys made the signature of a token. The algorithm must be one of the key's own kind: a public key is never a secret for HMAC.

import type { JsonWebKey } from '#base/json-web-keys.ts';
import { type JwtStatus, jwtFailures } from '#decide/jwt-failure.ts';
import type { JwtToken } from '#decide/jwt-token.ts';

const ed25519Length = 64;

/** Keys of another name or algorithm than the token says are passed over. Source: Envoy, verifyJwtWithoutTimeChecking. */
export function verifySignature(token: JwtToken, keys: readonly JsonWebKey[]): JwtStatus {
  let met = false;
  for (const key of keys) {
    if (token.kid !== '' && key.kid !== '' && key.kid !== token.kid) continue;
    if (key.alg !== '' && key.alg !== token.alg) continue;
    met = true;
    if (key.kty === 'OKP' && token.signature.length !== ed25519Length) return jwtFailures.ed25519Length;
    if (isSignedBy(token, key)) return undefined;
  }
  return met ? jwtFailures.signature : jwtFailures.noMatchingKey;
}

function isSignedBy({ alg, signedText, signature }: JwtToken, { kty, key }: JsonWebKey): boolean {
  const { constants, createHmac, timingSafeEqual, verify } = process.getBuiltinModule('node:crypto');
  const signed = Buffer.from(signedText, 'latin1');
  const hash = `sha${alg.slice(2)}`;
  try {
    switch (kty) {
      case 'RSA':
        if (alg.startsWith('RS')) return verify(hash, signed, key, signature);
        if (!alg.startsWith('PS')) return false;
        // RFC 7518 section 3.5: the salt is as long as the hash.
        return verify(hash, signed, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }, signature);
      case 'EC':
        return alg.startsWith('ES') && verify(hash, signed, { key, dsaEncoding: 'ieee-p1363' }, signature);
      case 'OKP':
        return alg === 'EdDSA' && verify(null, signed, key, signature);
      case 'oct': {
        if (!alg.startsWith('HS')) return false;
        const made = createHmac(hash, key).update(signed).digest();
        return made.length === signature.length && timingSafeEqual(made, signature);
      }
    }
  } catch {
    // A signature of a form that the library does not take is no signature.
    return false;
  }
}
