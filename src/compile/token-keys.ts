// Where the keys of token issuers come from: the control plane fetches them, and compiling asks for what is there.
import type { JwtRule } from '#model/request-authentication.ts';

export type TokenKeys = {
  /** The key set that was last fetched for a rule, as its text; undefined where there is none. */
  readonly find: (rule: JwtRule) => string | undefined;
};

/** Nothing was fetched. */
export const noTokenKeys: TokenKeys = { find: () => undefined };

/**
 * A key set that no token fits, for rules whose keys could not be had: a token is then refused, not believed. Its one key is a point that was
 * chosen by hashing a sentence, so that nobody knows the number behind it. Source of the idea: Istio, PublicOnlyJwks.
 */
export const keysOfNobody = JSON.stringify({
  keys: [
    { kty: 'EC', crv: 'P-256', alg: 'ES256', x: 'PBfDw-Mi08MEJW2tYaUzgJ1C8sBOEFnsiC8i9DEaWtY', y: 'GhMez_JbQ7v0DvvR4ae8TTb6dtQJbDhm6APRyFiZCU4' },
  ],
});
