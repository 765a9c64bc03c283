// How many requests a workload or gateway takes, and how large they may be.
import type { Origin } from '#base/origin.ts';
import type { StringMatch } from '#model/string-match.ts';
import type { TargetReference } from '#model/target-reference.ts';
import type { NamedMatch } from '#model/virtual-service.ts';

export type RateLimit = {
  readonly name: string;
  readonly namespace: string;
  /** Labels of the workloads, undefined for all of the namespace; in the root namespace those of the whole mesh. */
  readonly selector?: Readonly<Record<string, string>>;
  readonly targets?: readonly TargetReference[];
  readonly rules: readonly RateLimitRule[];
  /** A longer body is refused with 413, larger header fields with 431. */
  readonly maxBodyBytes?: number;
  readonly maxHeaderKilobytes?: number;
  readonly origin: Origin;
};

/** Where a request has no such header, or no verified token with a text at that claim, the rule is not about it. */
export type RateLimitKey =
  | { readonly kind: 'client-address' }
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'claim'; readonly path: readonly string[] };

/** Every rule that matches a request takes a token; where one has none left the request is refused with 429. */
export type RateLimitRule = {
  readonly name: string;
  readonly uri?: StringMatch;
  readonly method?: StringMatch;
  readonly authority?: StringMatch;
  readonly headers: readonly NamedMatch[];
  readonly queryParameters: readonly NamedMatch[];
  /** Each combination of values has tokens of its own. */
  readonly by: readonly RateLimitKey[];
  /** So many tokens come back in `perMs` milliseconds; at most `burst` can be saved up. */
  readonly requests: number;
  readonly perMs: number;
  readonly burst: number;
  readonly origin: Origin;
};
