import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { Problems } from '#decide/config-error.ts';
import { compileRateLimit, noRouteLimits, type RateLimitEntry, type RouteLimits } from '#decide/rate-limit.ts';
import { compileRateLimitRules, type LimitSubject } from '#decide/rate-limit-rule.ts';
import { newRateLimitState, quotaFields, rulesInForce, takeFromLimit } from '#decide/rate-limit-take.ts';
import { RateLimitSchema } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import { LocalRateLimitSchema } from '#envoy/gen/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.js';
import { type RequestSketch, requestView } from '#test/support/views.ts';

const bucket = (max_tokens: number, seconds = 3600): JsonObject => ({ max_tokens, fill_interval: `${seconds}s` });

function limitOf(json: JsonObject): RateLimitEntry {
  const problems = new Problems('test');
  const entry = compileRateLimit(fromJson(LocalRateLimitSchema, { stat_prefix: 's', ...json }), true, 'limit', problems);
  assert.deepEqual(problems.errors, []);
  return entry;
}

const rulesOf = (...actions: readonly JsonObject[][]) =>
  compileRateLimitRules(
    actions.map((list) => fromJson(RateLimitSchema, { actions: list })),
    'rate_limits',
    new Problems('test'),
  );

const subject = (sketch: RequestSketch = {}, path = '/'): LimitSubject => ({
  request: requestView(path, sketch),
  remoteIp: '10.0.0.1',
  cluster: 'c',
});
const byUser: JsonObject = { request_headers: { header_name: 'X-User', descriptor_key: 'user' } };
const user = (name: string) => subject({ headers: { 'x-user': name } });

test('requests without a descriptor of their own share the common bucket', () => {
  const entry = limitOf({ token_bucket: bucket(2) });
  const state = newRateLimitState();
  const takes = [0, 1, 2].map((nowMs) => takeFromLimit(entry, state, noRouteLimits, subject(), nowMs).allowed);
  assert.deepEqual(takes, [true, true, false]);
});

test('a descriptor has its bucket, an open one a bucket for each value, and the common one stays out of it where it is told to', () => {
  const entry = limitOf({
    token_bucket: bucket(100),
    always_consume_default_token_bucket: false,
    descriptors: [
      { entries: [{ key: 'user', value: 'ann' }], token_bucket: bucket(1) },
      { entries: [{ key: 'user' }], token_bucket: bucket(2) },
    ],
  });
  const limits: RouteLimits = { ...noRouteLimits, route: rulesOf([byUser]) };
  const state = newRateLimitState();
  const allowed = (name: string) => takeFromLimit(entry, state, limits, user(name), 0).allowed;
  assert.deepEqual(['ann', 'ann', 'bob', 'bob', 'bob', 'eve'].map(allowed), [true, false, true, true, false, true]);
  assert.equal(state.bucket, undefined);
});

test('of the values of an open descriptor the one used longest ago is forgotten first', () => {
  const entry = limitOf({
    token_bucket: bucket(100),
    max_dynamic_descriptors: 2,
    descriptors: [{ entries: [{ key: 'user' }], token_bucket: bucket(1) }],
  });
  const limits: RouteLimits = { ...noRouteLimits, route: rulesOf([byUser]) };
  const state = newRateLimitState();
  const allowed = (name: string) => takeFromLimit(entry, state, limits, user(name), 0).allowed;
  assert.deepEqual(['a', 'b', 'a', 'c', 'a', 'b'].map(allowed), [true, true, false, true, false, true]);
  assert.equal(state.open.get(0)?.size, 2);
});

test('the slowest bucket is asked first, so that a refusal costs the others nothing', () => {
  const entry = limitOf({
    token_bucket: bucket(100),
    descriptors: [
      { entries: [{ key: 'generic_key', value: 'fast' }], token_bucket: bucket(10, 1) },
      { entries: [{ key: 'generic_key', value: 'slow' }], token_bucket: bucket(1, 60) },
    ],
  });
  const keyOf = (descriptor_value: string): JsonObject[] => [{ generic_key: { descriptor_value } }];
  const limits: RouteLimits = { ...noRouteLimits, route: rulesOf(keyOf('fast'), keyOf('slow')) };
  const state = newRateLimitState();
  assert.equal(takeFromLimit(entry, state, limits, subject(), 0).allowed, true);
  const refused = takeFromLimit(entry, state, limits, subject(), 0);
  assert.equal(refused.allowed, false);
  assert.deepEqual(
    [...state.exact.values()].map(({ tokens }) => tokens),
    [9, 0],
  );
  assert.ok(refused.bucket !== undefined);
  assert.deepEqual(quotaFields(refused.bucket, 0), ['x-ratelimit-limit', '1', 'x-ratelimit-remaining', '0', 'x-ratelimit-reset', '60']);
});

test('every action of a rule has to find something, or the rule counts for nothing', () => {
  const [both, address, match, query] = rulesOf(
    [{ generic_key: { descriptor_key: 'k', descriptor_value: 'v' } }, byUser],
    [{ remote_address: {} }, { destination_cluster: {} }],
    [{ header_value_match: { descriptor_value: 'post', headers: [{ name: ':method', string_match: { exact: 'POST' } }] } }],
    [{ query_parameter_value_match: { descriptor_key: 'q', descriptor_value: 'no', expect_match: false, query_parameters: [{ name: 'a' }] } }],
  );
  assert.deepEqual(both?.describe(user('ann')), ['k', 'v', 'user', 'ann']);
  assert.equal(both?.describe(subject()), undefined);
  assert.deepEqual(address?.describe(subject()), ['remote_address', '10.0.0.1', 'destination_cluster', 'c']);
  assert.deepEqual([match?.describe(subject({ method: 'POST' })), match?.describe(subject())], [['header_match', 'post'], undefined]);
  assert.deepEqual([query?.describe(subject({}, '/?a=1')), query?.describe(subject({}, '/?b=1'))], [undefined, ['q', 'no']]);
});

test('rules of the filter come before those of routes, and a host has its say as the limit wants it', () => {
  const [route, host] = [rulesOf([byUser]), rulesOf([{ remote_address: {} }])];
  const limits: RouteLimits = { route, host, includesHost: false };
  const none: RouteLimits = { route: [], host, includesHost: false };
  const own = limitOf({ token_bucket: bucket(1), rate_limits: [{ actions: [byUser] }] });
  assert.equal(rulesInForce(own, limits), own.rules);
  const of = (vh_rate_limits: string) => limitOf({ token_bucket: bucket(1), vh_rate_limits });
  assert.deepEqual([rulesInForce(of('OVERRIDE'), limits), rulesInForce(of('OVERRIDE'), none)], [route, host]);
  assert.deepEqual([rulesInForce(of('IGNORE'), none), rulesInForce(of('INCLUDE'), limits)], [[], [...route, ...host]]);
  assert.deepEqual(rulesInForce(of('IGNORE'), { ...limits, includesHost: true }), [...route, ...host]);
});

test('what a rate limit cannot go by here is named', () => {
  const problems = new Problems('test');
  compileRateLimitRules([fromJson(RateLimitSchema, { actions: [{ source_cluster: {} }] })], 'rate_limits', problems);
  assert.deepEqual(
    problems.errors.map(({ field, message }) => `${field}: ${message}`),
    ['rate_limits[0].actions[0]: a rate limit by sourceCluster is not supported'],
  );
});
