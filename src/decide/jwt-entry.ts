// Envoy's jwt_authn filter as compiled: its providers with their keys imported, and which of them a request must satisfy. Immutable, but for the
// tokens that are known to be good.
import type { JsonObject } from '@bufbuild/protobuf';
import type { JsonWebKey } from '#base/json-web-keys.ts';
import type { JwtLocation } from '#decide/jwt-location.ts';
import type { JwtToken } from '#decide/jwt-token.ts';
import type { CompiledMatch } from '#decide/route-match.ts';
import type { VerifiedTokens } from '#decide/verified-tokens.ts';

export type JwtEntry = {
  /** The headers that providers set themselves: taken away from every request. */
  readonly ownHeaders: readonly string[];
  /** The first whose match fits a request counts; none: it passes. */
  readonly rules: readonly { readonly match: CompiledMatch; readonly requires: JwtRequirementEntry }[];
  readonly passesPreflights: boolean;
  /** The answer does not say what was wrong. */
  readonly staysSilent: boolean;
};

export type JwtRequirementEntry =
  | { readonly kind: 'provider'; readonly provider: JwtProviderEntry; readonly audiences: ReadonlySet<string> }
  | { readonly kind: 'any'; readonly of: readonly JwtRequirementEntry[]; readonly allows: Allowed }
  | { readonly kind: 'all'; readonly of: readonly JwtRequirementEntry[] }
  /** Of every provider, by the token's issuer. */
  | {
      readonly kind: 'optional';
      readonly of: readonly JwtProviderEntry[];
      readonly locations: readonly JwtLocation[];
      readonly allowsFailed: boolean;
    }
  | { readonly kind: 'nothing' };

type Allowed = 'nothing' | 'missing' | 'missing or failed';

export type JwtProviderEntry = {
  readonly name: string;
  /** '' for any. */
  readonly issuer: string;
  /** Of which a token must have one; empty: it may have any. In the form of `plainAudience`. */
  readonly audiences: ReadonlySet<string>;
  readonly keys: readonly JsonWebKey[];
  readonly locations: readonly JwtLocation[];
  readonly forwards: boolean;
  readonly payloadHeader: string;
  readonly padsPayload: boolean;
  readonly claimHeaders: readonly { readonly header: string; readonly claim: readonly string[] }[];
  /** The headers that it sets itself: whenever it looks for tokens, nobody else's word stands there. */
  readonly ownHeaders: readonly string[];
  /** The names of payload and header in the metadata of the filter; '' for not at all. */
  readonly payloadKey: string;
  readonly headerKey: string;
  readonly spaceDelimited: readonly string[];
  readonly clockSkewSeconds: number;
  readonly reroutes: boolean;
  readonly verified: VerifiedTokens<VerifiedToken>;
};

/** A token whose signature is good, and what the provider makes of it. */
export type VerifiedToken = {
  readonly token: JwtToken;
  /** Fields for the request: name, value, … */
  readonly fields: readonly string[];
  /** For the metadata of the filter; undefined: nothing. */
  readonly metadata: JsonObject | undefined;
};
