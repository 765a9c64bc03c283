// The text of a token (JWS compact form, RFC 7515 section 7.1) in, its parts out: read and checked for form, not yet for truth.
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { base64Url } from '#base/base64-url.ts';
import { parseStrictObject } from '#base/strict-json.ts';
import { type JwtFailure, jwtFailures } from '#decide/jwt-failure.ts';

export type JwtToken = {
  readonly alg: string;
  /** '' where it names no key. */
  readonly kid: string;
  readonly issuer: string;
  /** Seconds since the epoch; 0 where not said. */
  readonly notBefore: number;
  readonly expires: number;
  readonly audiences: readonly string[];
  readonly header: JsonObject;
  readonly payload: JsonObject;
  /** As it was sent, base64url. */
  readonly payloadText: string;
  readonly signedText: string;
  readonly signature: Uint8Array;
};

export type ParsedToken = { readonly ok: true; readonly token: JwtToken } | { readonly ok: false; readonly failure: JwtFailure };

const algorithms: ReadonlySet<string> = new Set([
  ...['ES256', 'ES384', 'ES512', 'HS256', 'HS384', 'HS512', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'EdDSA'],
]);

/** Source: Envoy, Jwt::parseFromString; the first thing that is wrong counts, in its order. `none` is no algorithm. */
export function parseToken(text: string): ParsedToken {
  // Envoy does not count empty sections.
  const [headerText = '', payloadText = '', signatureText = '', ...more] = text.split('.', 64).filter((section) => section !== '');
  if (signatureText === '' || more.length > 0) return refused(jwtFailures.badFormat);

  const headerBytes = base64Url(headerText);
  if (headerBytes === undefined) return refused(jwtFailures.headerBase64);
  const header = parseStrictObject(headerBytes);
  if (header === undefined) return refused(jwtFailures.headerJson);
  const alg = own(header, 'alg');
  if (typeof alg !== 'string') return refused(jwtFailures.headerAlg);
  if (!algorithms.has(alg)) return refused(jwtFailures.unknownAlg);
  const kid = own(header, 'kid') ?? '';
  if (typeof kid !== 'string') return refused(jwtFailures.headerKid);

  const payloadBytes = base64Url(payloadText);
  if (payloadBytes === undefined) return refused(jwtFailures.payloadBase64);
  const payload = parseStrictObject(payloadBytes);
  if (payload === undefined) return refused(jwtFailures.payloadJson);
  const claims = readClaims(payload);
  if (typeof claims === 'string') return refused(claims);

  const signature = base64Url(signatureText);
  if (signature === undefined) return refused(jwtFailures.signatureBase64);
  const signedText = `${headerText}.${payloadText}`;
  return { ok: true, token: { alg, kid, ...claims, header, payload, payloadText, signedText, signature } };
}

type Claims = Pick<JwtToken, 'issuer' | 'notBefore' | 'expires' | 'audiences'>;

function readClaims(payload: JsonObject): Claims | JwtFailure {
  const issuer = textClaim(payload, 'iss');
  if (issuer === undefined) return jwtFailures.issType;
  if (textClaim(payload, 'sub') === undefined) return jwtFailures.subType;
  const issued = timeClaim(payload, 'iat');
  if (typeof issued !== 'number') return issued === 'type' ? jwtFailures.iatType : jwtFailures.iatRange;
  const notBefore = timeClaim(payload, 'nbf');
  if (typeof notBefore !== 'number') return notBefore === 'type' ? jwtFailures.nbfType : jwtFailures.nbfRange;
  const expires = timeClaim(payload, 'exp');
  if (typeof expires !== 'number') return expires === 'type' ? jwtFailures.expType : jwtFailures.expRange;
  if (textClaim(payload, 'jti') === undefined) return jwtFailures.jtiType;
  const audiences = audienceClaim(own(payload, 'aud'));
  return audiences === undefined ? jwtFailures.audType : { issuer, notBefore, expires, audiences };
}

/** '' where it is not there; undefined where it is something else. */
function textClaim(payload: JsonObject, name: string): string | undefined {
  const value = own(payload, name);
  if (value === undefined) return '';
  return typeof value === 'string' ? value : undefined;
}

function timeClaim(payload: JsonObject, name: string): number | 'type' | 'range' {
  const value = own(payload, name);
  if (value === undefined) return 0;
  if (typeof value !== 'number') return 'type';
  return value < 0 || value >= 2 ** 64 ? 'range' : Math.trunc(value);
}

function audienceClaim(value: JsonValue | undefined): readonly string[] | undefined {
  if (value === undefined) return [];
  if (typeof value === 'string') return [value];
  if (!Array.isArray(value)) return undefined;
  const texts = value.filter((item) => typeof item === 'string');
  return texts.length === value.length ? texts : undefined;
}

function own(object: JsonObject, name: string): JsonValue | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

function refused(failure: JwtFailure): ParsedToken {
  return { ok: false, failure };
}
