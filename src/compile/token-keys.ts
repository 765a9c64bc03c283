// Where the keys of token issuers come from: the control plane fetches them, and compiling asks for what is there.
import type { JwtRule } from '#model/request-authentication.ts';

export type TokenKeys = {
  /** The key set that was last fetched for a rule, as its text; undefined where there is none. */
  readonly find: (rule: JwtRule) => string | undefined;
};

/** Nothing was fetched. */
export const noTokenKeys: TokenKeys = { find: () => undefined };
