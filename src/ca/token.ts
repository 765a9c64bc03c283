// Tokens by which a workload proves who it is before it has a certificate: JWTs that the control plane signs with a key of its own (ES256).
// Bound to an identity, to a pod where one is known, and to the one audience that Istio's authority has. A token is never logged.
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { failed, ok, type Result } from '#base/result.ts';
import { SecretText } from '#base/secret-text.ts';
import { formatIdentity, type Identity, parseIdentity } from '#ca/identity.ts';

export const tokenKeyFile = 'token-key.pem';
/** What Istio's tokens are for as well. */
export const tokenAudience = 'istio-ca';
export const tokenIssuer = 'heddle';

/** A year is long for a secret that lies in a file; nobody needs more. */
export const longestTokenMs = 366 * 24 * 3_600_000;
const skewSeconds = 60;

export type TokenKey = { readonly id: string; readonly privateKey: KeyObject; readonly publicKey: KeyObject };

export type TokenContent = {
  readonly identity: Identity;
  /** The name of the only pod that may use it. */
  readonly pod?: string;
  /** It is for members of this WorkloadGroup alone, and so is every certificate that is had by it. */
  readonly workloadGroup?: string;
};

/** A token that was held against its key: what it says, and until when it says so. */
export type VerifiedToken = TokenContent & { readonly untilMs: number };

/** PEM, PKCS #8. */
export function makeTokenKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
}

/** The error never quotes the text. */
export function readTokenKey(pem: string): Result<TokenKey, string> {
  try {
    const privateKey = createPrivateKey(pem);
    if (privateKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1') return failed('the key of the tokens must be ECDSA on P-256');
    const publicKey = createPublicKey(privateKey);
    const id = createHash('sha256')
      .update(publicKey.export({ format: 'der', type: 'spki' }))
      .digest('base64url')
      .slice(0, 16);
    return ok({ id, privateKey, publicKey });
  } catch {
    return failed('it holds no private key in PEM');
  }
}

export async function issueToken(key: TokenKey, { identity, pod, workloadGroup }: TokenContent, ttlMs: number, nowMs: number): Promise<SecretText> {
  const { SignJWT } = await import('jose');
  const issuedAt = Math.floor(nowMs / 1000);
  const token = await new SignJWT({ ...(pod !== undefined && { pod }), ...(workloadGroup !== undefined && { workloadGroup }) })
    .setProtectedHeader({ alg: 'ES256', kid: key.id, typ: 'JWT' })
    .setIssuer(tokenIssuer)
    .setSubject(formatIdentity(identity))
    .setAudience(tokenAudience)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + Math.floor(ttlMs / 1000))
    .sign(key.privateKey);
  return new SecretText(token);
}

/** The error says what is wrong with it, in a sentence for its holder, without quoting it. */
export async function verifyToken(key: TokenKey, token: SecretText, nowMs: number): Promise<Result<VerifiedToken, string>> {
  const { jwtVerify } = await import('jose');
  try {
    const { payload } = await jwtVerify(token.reveal(), key.publicKey, {
      algorithms: ['ES256'],
      issuer: tokenIssuer,
      audience: tokenAudience,
      requiredClaims: ['sub', 'exp', 'iat'],
      clockTolerance: skewSeconds,
      currentDate: new Date(nowMs),
    });
    const identity = parseIdentity(payload.sub ?? '');
    if (!identity.ok) return failed(`the token is for nobody: ${identity.error}`);
    const { pod, workloadGroup } = payload;
    // A claim that does not say what it must binds to nobody, rather than to anybody.
    if ([pod, workloadGroup].some((claim) => claim !== undefined && typeof claim !== 'string')) return failed('the token is for nobody');
    const untilMs = ((payload.exp ?? 0) + skewSeconds) * 1000;
    const bound = { ...(typeof pod === 'string' && { pod }), ...(typeof workloadGroup === 'string' && { workloadGroup }) };
    return ok({ identity: identity.value, untilMs, ...bound });
  } catch (error) {
    return failed(reasonOf(error));
  }
}

/** jose's codes. Its messages may tell more than the holder of a forged token needs to know. */
function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const claim = error instanceof Error && 'claim' in error ? String(error.claim) : '';
  switch (code) {
    case 'ERR_JWT_EXPIRED':
      return 'the token has expired';
    case 'ERR_JWT_CLAIM_VALIDATION_FAILED':
      return claim === 'aud' ? `the token is for another audience than ${tokenAudience}` : `the claim ${claim} of the token is missing or wrong`;
    case 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED':
      return 'the token was not signed by this control plane';
    case 'ERR_JOSE_ALG_NOT_ALLOWED':
      return 'the token is signed in another way than by ES256';
    default:
      return 'the token cannot be read';
  }
}
