// A RequestAuthentication: the tokens (JWT) that requests may carry. One that is there must be valid; that one is there is for an
// AuthorizationPolicy to ask.
import type { Origin } from '#base/origin.ts';
import type { TargetReference } from '#model/target-reference.ts';

export type RequestAuthentication = {
  readonly name: string;
  readonly namespace: string;
  readonly selector?: Readonly<Record<string, string>>;
  readonly targets?: readonly TargetReference[];
  readonly rules: readonly JwtRule[];
  readonly createdMs?: number;
  readonly origin: Origin;
};

export type JwtRule = {
  readonly issuer: string;
  /** Any of them; none: whatever the token says. */
  readonly audiences: readonly string[];
  readonly keys: /** Public keys only; `heldPrivate`: more was written, and is left out. */
    | { readonly kind: 'inline'; readonly jwks: string; readonly heldPrivate?: true }
    | { readonly kind: 'uri'; readonly uri: string }
    /** Found by the issuer's OpenID configuration. */
    | { readonly kind: 'discovery' };
  /** Where the token is; none of all three: `Authorization: Bearer` and the query parameter `access_token`. */
  readonly fromHeaders: readonly { readonly name: string; readonly prefix: string }[];
  readonly fromParameters: readonly string[];
  readonly fromCookies: readonly string[];
  readonly forwardsToken: boolean;
  /** The header that gets the payload, base64url. */
  readonly payloadHeader?: string;
  /** Headers that get single claims. A claim's path is split at dots. */
  readonly claimHeaders: readonly { readonly header: string; readonly claim: string }[];
  /** Claims whose text is a list separated by spaces, beside `scope` and `permission`. */
  readonly spaceDelimitedClaims: readonly string[];
  /** How long the control plane waits for keys; 5 s unless set. */
  readonly timeoutMs: number;
  readonly origin: Origin;
};
