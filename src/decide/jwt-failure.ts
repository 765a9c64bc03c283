// Why a token is refused, in the words that go out as the body of the 401. Source: Envoy, jwt_verify_lib's getStatusString.

export const jwtFailures = {
  missing: 'Jwt is missing',
  notYetValid: 'Jwt not yet valid',
  expired: 'Jwt is expired',
  badFormat: 'Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections',
  headerBase64: 'Jwt header is an invalid Base64url encoded',
  headerJson: 'Jwt header is an invalid JSON',
  headerAlg: 'Jwt header [alg] field is required and must be a string',
  unknownAlg: 'Jwt header [alg] is not supported',
  headerKid: 'Jwt header [kid] field is not a string',
  payloadBase64: 'Jwt payload is an invalid Base64url encoded',
  payloadJson: 'Jwt payload is an invalid JSON',
  issType: 'Jwt payload [iss] field is not a string',
  subType: 'Jwt payload [sub] field is not a string',
  iatType: 'Jwt payload [iat] field is not an integer',
  iatRange: 'Jwt payload [iat] field is not a positive 64 bit integer',
  nbfType: 'Jwt payload [nbf] field is not an integer',
  nbfRange: 'Jwt payload [nbf] field is not a positive 64 bit integer',
  expType: 'Jwt payload [exp] field is not an integer',
  expRange: 'Jwt payload [exp] field is not a positive 64 bit integer',
  jtiType: 'Jwt payload [jti] field is not a string',
  audType: 'Jwt payload [aud] field is not a string or string list',
  signatureBase64: 'Jwt signature is an invalid Base64url encoded',
  ed25519Length: 'Jwt ED25519 signature is wrong length',
  unknownIssuer: 'Jwt issuer is not configured',
  audience: 'Audiences in Jwt are not allowed',
  signature: 'Jwt verification fails',
  noMatchingKey: "Jwks doesn't have key to match kid or alg from Jwt",
} as const;

export type JwtFailure = (typeof jwtFailures)[keyof typeof jwtFailures];

/** Undefined where all is well. */
export type JwtStatus = JwtFailure | undefined;

/** Envoy answers a token for somebody else with 403, every other failure with 401. */
export function statusCodeOf(failure: JwtFailure): number {
  return failure === jwtFailures.audience ? 403 : 401;
}
