// A token bucket that fills evenly over time, as Envoy's local rate limits do: a limit and a moment in, taken or not out. Told the time.

import { durationMs } from '#decide/duration.ts';
import type { TokenBucket } from '#envoy/gen/envoy/type/v3/token_bucket_pb.js';

export type BucketLimit = {
  readonly maxTokens: number;
  readonly tokensPerMs: number;
};

/** A sum of fractions may stay so far below the whole number that it is. */
const hair = 1e-9;

/** Mutable; it is full at first. `tokens` were there at `atMs`. */
export type BucketState = { tokens: number; atMs: number };

export function bucketLimit(bucket: TokenBucket): BucketLimit {
  const intervalMs = Math.max(1, durationMs(bucket.fillInterval, 1));
  return { maxTokens: bucket.maxTokens, tokensPerMs: (bucket.tokensPerFill ?? 1) / intervalMs };
}

export function fullBucket(limit: BucketLimit, nowMs: number): BucketState {
  return { tokens: limit.maxTokens, atMs: nowMs };
}

/** Takes one token; false where there is none. */
export function takeToken(limit: BucketLimit, state: BucketState, nowMs: number): boolean {
  refill(limit, state, nowMs);
  if (state.tokens < 1 - hair) return false;
  state.tokens = Math.max(0, state.tokens - 1);
  return true;
}

/** Whole tokens that are there now. */
export function tokensLeft(limit: BucketLimit, state: BucketState, nowMs: number): number {
  refill(limit, state, nowMs);
  return Math.floor(state.tokens + hair);
}

/** Seconds until there is a token again, rounded up; 0 while there is one. */
export function secondsToToken(limit: BucketLimit, state: BucketState, nowMs: number): number {
  refill(limit, state, nowMs);
  return state.tokens >= 1 - hair ? 0 : Math.ceil((1 - state.tokens) / limit.tokensPerMs / 1000 - hair);
}

function refill(limit: BucketLimit, state: BucketState, nowMs: number): void {
  const grown = state.tokens + Math.max(0, nowMs - state.atMs) * limit.tokensPerMs;
  state.tokens = Math.min(limit.maxTokens, grown);
  state.atMs = nowMs;
}
