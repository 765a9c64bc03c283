import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { bucketLimit, fullBucket, secondsToToken, takeToken, tokensLeft } from '#decide/token-bucket.ts';
import { TokenBucketSchema } from '#envoy/gen/envoy/type/v3/token_bucket_pb.js';

const limitOf = (maxTokens: number, tokensPerFill: number, seconds: bigint) =>
  bucketLimit(create(TokenBucketSchema, { maxTokens, tokensPerFill, fillInterval: { seconds, nanos: 0 } }));

test('a bucket is full at first, gives what it has, and fills evenly', () => {
  const limit = limitOf(2, 1, 10n);
  const state = fullBucket(limit, 1000);
  assert.deepEqual([takeToken(limit, state, 1000), takeToken(limit, state, 1000), takeToken(limit, state, 1000)], [true, true, false]);
  assert.deepEqual([tokensLeft(limit, state, 6000), secondsToToken(limit, state, 6000)], [0, 5]);
  assert.equal(takeToken(limit, state, 10_999), false);
  assert.equal(takeToken(limit, state, 11_000), true);
  assert.equal(takeToken(limit, state, 11_001), false);
});

test('a bucket never holds more than its most, and time that stands still or goes back gives nothing', () => {
  const limit = limitOf(3, 3, 1n);
  const state = fullBucket(limit, 0);
  assert.equal(tokensLeft(limit, state, 3_600_000), 3);
  for (let taken = 0; taken < 3; taken++) assert.equal(takeToken(limit, state, 3_600_000), true);
  assert.equal(takeToken(limit, state, 3_500_000), false);
});

test('many small steps give as much as one large step', () => {
  const limit = limitOf(1000, 7, 3n);
  const state = fullBucket(limit, 0);
  while (takeToken(limit, state, 0));
  for (let nowMs = 1; nowMs <= 30_000; nowMs++) tokensLeft(limit, state, nowMs);
  assert.equal(tokensLeft(limit, state, 30_000), 70);
});

test('what is left to wait is rounded up to seconds', () => {
  const limit = limitOf(1, 1, 3600n);
  const state = fullBucket(limit, 0);
  assert.equal(secondsToToken(limit, state, 0), 0);
  takeToken(limit, state, 0);
  assert.deepEqual([secondsToToken(limit, state, 0), secondsToToken(limit, state, 1), secondsToToken(limit, state, 3_599_999)], [3600, 3600, 1]);
});
