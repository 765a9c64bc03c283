// One request at a local rate limit: its descriptors choose buckets, each has to give a token. The buckets are the caller's; told the time.

import type { RateLimitEntry, RouteLimits } from '#decide/rate-limit.ts';
import { descriptorKey } from '#decide/rate-limit.ts';
import type { Descriptor, LimitSubject, RateLimitRule } from '#decide/rate-limit-rule.ts';
import { type BucketLimit, type BucketState, fullBucket, secondsToToken, takeToken, tokensLeft } from '#decide/token-bucket.ts';

/** The buckets of one limit; mutable. They begin full. */
export type RateLimitState = {
  bucket: BucketState | undefined;
  readonly exact: Map<string, BucketState>;
  /** By the position of the open descriptor; the values used last stand last. */
  readonly open: Map<number, Map<string, BucketState>>;
};

export function newRateLimitState(): RateLimitState {
  return { bucket: undefined, exact: new Map(), open: new Map() };
}

type Bucket = { readonly limit: BucketLimit; readonly state: BucketState };

/** `bucket`: the one that refused, else the one that counts for the client; undefined where nothing limits. */
export type RateLimitVerdict = { readonly allowed: boolean; readonly bucket: Bucket | undefined };

/** Takes tokens, from the slowest bucket first, so that a refusal costs the others as little as can be. */
export function takeFromLimit(
  entry: RateLimitEntry,
  state: RateLimitState,
  routeLimits: RouteLimits,
  subject: LimitSubject,
  nowMs: number,
): RateLimitVerdict {
  const matched = matchedBuckets(entry, state, routeLimits, subject, nowMs);
  if (matched.length > 1) matched.sort((a, b) => a.limit.tokensPerMs - b.limit.tokensPerMs);
  for (const bucket of matched) if (!takeToken(bucket.limit, bucket.state, nowMs)) return { allowed: false, bucket };
  if (entry.bucket === undefined || (matched.length > 0 && !entry.alwaysTakesDefault)) return { allowed: true, bucket: matched[0] };
  state.bucket ??= fullBucket(entry.bucket, nowMs);
  const common = { limit: entry.bucket, state: state.bucket };
  const allowed = takeToken(common.limit, common.state, nowMs);
  return { allowed, bucket: allowed ? (matched[0] ?? common) : common };
}

/** x-ratelimit-limit, -remaining, -reset as they are now. */
export function quotaFields({ limit, state }: Bucket, nowMs: number): readonly string[] {
  return [
    ...['x-ratelimit-limit', String(limit.maxTokens)],
    ...['x-ratelimit-remaining', String(tokensLeft(limit, state, nowMs))],
    ...['x-ratelimit-reset', String(secondsToToken(limit, state, nowMs))],
  ];
}

function matchedBuckets(entry: RateLimitEntry, state: RateLimitState, routeLimits: RouteLimits, subject: LimitSubject, nowMs: number): Bucket[] {
  if (entry.exact.size === 0 && entry.open.length === 0) return [];
  const matched: Bucket[] = [];
  for (const rule of rulesInForce(entry, routeLimits)) {
    if (rule.stage !== entry.stage) continue;
    const descriptor = rule.describe(subject);
    const bucket = descriptor === undefined ? undefined : bucketFor(entry, state, descriptor, nowMs);
    if (bucket !== undefined) matched.push(bucket);
  }
  return matched;
}

/** Whose rules count: the filter's own, else the route's, with the virtual host's as vh_rate_limits says. */
export function rulesInForce(entry: RateLimitEntry, { route, host, includesHost }: RouteLimits): readonly RateLimitRule[] {
  if (entry.rules !== undefined) return entry.rules;
  if (includesHost || entry.hostRules === 'include') return host.length === 0 ? route : [...route, ...host];
  return entry.hostRules === 'override' && route.length === 0 ? host : route;
}

function bucketFor(entry: RateLimitEntry, state: RateLimitState, descriptor: Descriptor, nowMs: number): Bucket | undefined {
  const key = descriptorKey(descriptor);
  const limit = entry.exact.get(key);
  if (limit !== undefined) {
    const known = state.exact.get(key) ?? fullBucket(limit, nowMs);
    state.exact.set(key, known);
    return { limit, state: known };
  }
  const position = entry.open.findIndex(({ entries }) => fits(entries, descriptor));
  const template = entry.open[position];
  return template === undefined
    ? undefined
    : { limit: template.limit, state: openBucket(state, position, key, template.limit, entry.maxOpenValues, nowMs) };
}

function fits(template: Descriptor, descriptor: Descriptor): boolean {
  if (template.length !== descriptor.length) return false;
  return template.every((text, at) => text === descriptor[at] || (at % 2 === 1 && text === ''));
}

function openBucket(state: RateLimitState, position: number, key: string, limit: BucketLimit, max: number, nowMs: number): BucketState {
  const values = state.open.get(position) ?? new Map<string, BucketState>();
  state.open.set(position, values);
  const known = values.get(key) ?? fullBucket(limit, nowMs);
  // A map keeps the order of insertion: what is used moves to its end.
  values.delete(key);
  const [oldest] = values.keys();
  if (values.size >= max && oldest !== undefined) values.delete(oldest);
  values.set(key, known);
  return known;
}
