// Envoy's local rate limit filter, compiled: whom it limits, by which buckets, and what the limited ones are answered.

import type { Problems } from '#decide/config-error.ts';
import { compileHeaderLevel } from '#decide/header-level.ts';
import type { HeaderOperations } from '#decide/header-operations.ts';
import { compileRateLimitRules, type Descriptor, type RateLimitRule } from '#decide/rate-limit-rule.ts';
import { shareOf } from '#decide/route-match.ts';
import { type BucketLimit, bucketLimit } from '#decide/token-bucket.ts';
import type { VhRateLimitsOptions as HostRules, XRateLimitHeadersRFCVersion } from '#envoy/gen/envoy/extensions/common/ratelimit/v3/ratelimit_pb.js';
import type { LocalRateLimit } from '#envoy/gen/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.js';

export type RateLimitEntry = {
  /** Shares of requests from 0 to 1: those that are counted, and those of the limited that are turned away. */
  readonly enabled: number;
  readonly enforced: number;
  readonly status: number;
  /** gRPC clients are told RESOURCE_EXHAUSTED instead of UNAVAILABLE. */
  readonly resourceExhausted: boolean;
  /** For requests without a limit of their own, and for all where `alwaysTakesDefault`. Undefined: they are not limited. */
  readonly bucket: BucketLimit | undefined;
  readonly alwaysTakesDefault: boolean;
  /** By the descriptor's key, and the ones with a value left open, where each value gets a bucket of its own. */
  readonly exact: ReadonlyMap<string, BucketLimit>;
  readonly open: readonly OpenDescriptor[];
  /** Buckets kept for values of one open descriptor; the one used longest ago goes first. */
  readonly maxOpenValues: number;
  readonly responseHeaders: HeaderOperations;
  /** For limited requests that pass all the same. */
  readonly requestHeaders: HeaderOperations;
  /** x-ratelimit-limit, -remaining and -reset on every response (draft 3). */
  readonly reportsQuota: boolean;
  readonly stage: number;
  /** Rules of the filter itself, which replace those of routes; undefined: none. */
  readonly rules: readonly RateLimitRule[] | undefined;
  readonly hostRules: 'override' | 'include' | 'ignore';
};

/** A value of '' stands for any. */
export type OpenDescriptor = { readonly entries: Descriptor; readonly limit: BucketLimit };

/** Rules of a route and of its virtual host. */
export type RouteLimits = { readonly route: readonly RateLimitRule[]; readonly host: readonly RateLimitRule[]; readonly includesHost: boolean };

export const noRouteLimits: RouteLimits = { route: [], host: [], includesHost: false };

/** The key of a descriptor among a limit's exact ones. */
export function descriptorKey(entries: Descriptor): string {
  return entries.join('\0');
}

const defaultOpenValues = 20;

/** `onRoute`: a configuration of a route, which must have a bucket. */
export function compileRateLimit(limit: LocalRateLimit, onRoute: boolean, field: string, problems: Problems): RateLimitEntry {
  if (onRoute && limit.tokenBucket === undefined) problems.report(`${field}.token_bucket`, 'a token bucket is required on a route');
  const at = `${field}.`;
  return {
    enabled: limit.filterEnabled === undefined ? 0 : shareOf(limit.filterEnabled.defaultValue),
    enforced: limit.filterEnforced === undefined ? 0 : shareOf(limit.filterEnforced.defaultValue),
    // Envoy takes no status that is not an error.
    status: limit.status !== undefined && limit.status.code >= 400 ? limit.status.code : 429,
    resourceExhausted: limit.rateLimitedAsResourceExhausted,
    bucket: limit.tokenBucket === undefined ? undefined : bucketLimit(limit.tokenBucket),
    alwaysTakesDefault: limit.alwaysConsumeDefaultTokenBucket ?? true,
    ...compileDescriptors(limit, field, problems),
    maxOpenValues: limit.maxDynamicDescriptors ?? defaultOpenValues,
    responseHeaders: compileHeaderLevel('response', limit.responseHeadersToAdd, [], at, problems),
    requestHeaders: compileHeaderLevel('request', limit.requestHeadersToAddWhenNotEnforced, [], at, problems),
    reportsQuota: limit.enableXRatelimitHeaders === draft03,
    stage: limit.stage,
    rules: limit.rateLimits.length === 0 ? undefined : compileRateLimitRules(limit.rateLimits, `${field}.rate_limits`, problems),
    hostRules: hostRules[limit.vhRateLimits],
  };
}

// Numbers, as their types alone are imported: the compiler holds them against those.
const draft03: XRateLimitHeadersRFCVersion.DRAFT_VERSION_03 = 1;
const hostRules: Readonly<Record<HostRules, RateLimitEntry['hostRules']>> = {
  0: 'override',
  1: 'include',
  2: 'ignore',
};

function compileDescriptors({ descriptors }: LocalRateLimit, field: string, problems: Problems): Pick<RateLimitEntry, 'exact' | 'open'> {
  const exact = new Map<string, BucketLimit>();
  const open: OpenDescriptor[] = [];
  for (const [index, { entries, tokenBucket }] of descriptors.entries()) {
    const at = `${field}.descriptors[${index}]`;
    if (tokenBucket === undefined) {
      problems.report(`${at}.token_bucket`, 'a token bucket is required');
      continue;
    }
    const flat = entries.flatMap(({ key, value }) => [key, value]);
    if (entries.some(({ value }) => value === '')) {
      open.push({ entries: flat, limit: bucketLimit(tokenBucket) });
      continue;
    }
    const key = descriptorKey(flat);
    if (exact.has(key)) problems.report(at, 'stands twice');
    exact.set(key, bucketLimit(tokenBucket));
  }
  return { exact, open };
}
