// One token and one provider: is it good for it, now? And what does the provider make of it: header fields and metadata.
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { plainAudience } from '#decide/jwt-audience.ts';
import type { JwtProviderEntry, VerifiedToken } from '#decide/jwt-entry.ts';
import { type JwtFailure, type JwtStatus, jwtFailures } from '#decide/jwt-failure.ts';
import { verifySignature } from '#decide/jwt-signature.ts';
import { type JwtToken, parseToken } from '#decide/jwt-token.ts';

/** The provider that must have made a token with this issuer; undefined: nobody known has. */
export type ProviderChoice = (issuer: string) => JwtProviderEntry | undefined;

export type Verified = { readonly provider: JwtProviderEntry; readonly good: VerifiedToken };

/** A provider's own tokens, some of which it knows already. Source: Envoy, AuthenticatorImpl::startVerify; checks in its order. */
export function verifyFor(provider: JwtProviderEntry, text: string, audiences: ReadonlySet<string>, nowSeconds: number): Verified | JwtFailure {
  const known = provider.verified.find(text, nowSeconds);
  if (known !== undefined) {
    const failure = timeFailure(known.token, provider, nowSeconds) ?? audienceFailure(known.token, audiences);
    return failure ?? { provider, good: known };
  }
  return verifyBy(
    (issuer) => (provider.issuer === '' || provider.issuer === issuer ? provider : undefined),
    text,
    () => audiences,
    nowSeconds,
  );
}

export function verifyBy(
  choose: ProviderChoice,
  text: string,
  audiencesOf: (provider: JwtProviderEntry) => ReadonlySet<string>,
  nowSeconds: number,
): Verified | JwtFailure {
  const parsed = parseToken(text);
  if (!parsed.ok) return parsed.failure;
  const { token } = parsed;
  const provider = choose(token.issuer);
  if (provider === undefined) return jwtFailures.unknownIssuer;
  const failure = timeFailure(token, provider, nowSeconds) ?? audienceFailure(token, audiencesOf(provider)) ?? verifySignature(token, provider.keys);
  if (failure !== undefined) return failure;
  const good = { token, fields: fieldsFor(token, provider), metadata: metadataFor(token, provider) };
  provider.verified.add(text, good);
  return { provider, good };
}

function timeFailure({ notBefore, expires }: JwtToken, { clockSkewSeconds }: JwtProviderEntry, nowSeconds: number): JwtStatus {
  if (nowSeconds + clockSkewSeconds < notBefore) return jwtFailures.notYetValid;
  return expires !== 0 && nowSeconds > expires + clockSkewSeconds ? jwtFailures.expired : undefined;
}

function audienceFailure(token: JwtToken, audiences: ReadonlySet<string>): JwtStatus {
  if (audiences.size === 0 || token.audiences.some((audience) => audiences.has(plainAudience(audience)))) return undefined;
  return jwtFailures.audience;
}

function fieldsFor({ payload, payloadText }: JwtToken, { payloadHeader, padsPayload, claimHeaders }: JwtProviderEntry): readonly string[] {
  const padding = padsPayload ? '='.repeat((4 - (payloadText.length % 4)) % 4) : '';
  const fields = payloadHeader === '' ? [] : [payloadHeader, payloadText + padding];
  for (const { header, claim } of claimHeaders) {
    const text = claimText(claimAt(payload, claim));
    if (text !== '') fields.push(header, text);
  }
  return fields;
}

function claimAt(payload: JsonObject, path: readonly string[]): JsonValue | undefined {
  let value: JsonValue | undefined = payload;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, name)) return undefined;
    value = value[name];
  }
  return value;
}

/** As bytes of UTF-8; lists and objects as base64 of their JSON; '' for what no header is made of. Source: Envoy, AuthenticatorImpl::addJWTClaimToHeader. */
function claimText(value: JsonValue | undefined): string {
  switch (typeof value) {
    case 'string':
      return Buffer.from(value).toString('latin1');
    case 'number':
      return numberText(value);
    case 'boolean':
      return String(value);
    case 'object':
      return value === null ? '' : Buffer.from(JSON.stringify(value)).toString('base64');
    default:
      return '';
  }
}

/** An unsigned 64-bit integer as it is, any other number with six digits behind the point. */
function numberText(value: number): string {
  return value >= 0 && value < 2 ** 64 && Number.isInteger(value) ? BigInt(value).toString() : value.toFixed(6);
}

function metadataFor({ payload, header }: JwtToken, { payloadKey, headerKey, spaceDelimited }: JwtProviderEntry): JsonObject | undefined {
  if (payloadKey === '' && headerKey === '') return undefined;
  const metadata: JsonObject = {};
  if (headerKey !== '') metadata[headerKey] = header;
  if (payloadKey !== '') metadata[payloadKey] = normalized(payload, spaceDelimited);
  return metadata;
}

/** Lists that are written as one text become lists. */
function normalized(payload: JsonObject, names: readonly string[]): JsonObject {
  const lists = names.flatMap((name): [string, JsonValue][] => {
    const value = Object.hasOwn(payload, name) ? payload[name] : undefined;
    return typeof value === 'string' ? [[name, value.split(' ').filter((word) => word !== '')]] : [];
  });
  return lists.length === 0 ? payload : { ...payload, ...Object.fromEntries(lists) };
}
