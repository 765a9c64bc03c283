import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { Problems } from '#decide/config-error.ts';
import { applyCors, type CorsEntry, compileCorsLevel, corsResponseFields, joinCors } from '#decide/cors.ts';
import { CorsPolicySchema } from '#envoy/gen/envoy/extensions/filters/http/cors/v3/cors_pb.js';
import { requestView } from '#test/support/views.ts';

function policyOf(...levels: readonly [JsonObject, ...JsonObject[]]): CorsEntry {
  const problems = new Problems('test');
  const [first, ...rest] = levels.map((json) => compileCorsLevel(fromJson(CorsPolicySchema, json), 'policy', problems));
  assert.deepEqual(problems.errors, []);
  assert.ok(first !== undefined);
  return joinCors([first, ...rest]);
}

const allowA: JsonObject = { allow_origin_string_match: [{ exact: 'https://a.example' }] };
const asks = (origin: string, method = 'OPTIONS', asked = 'PUT') =>
  requestView('/', { method, headers: { origin, ...(asked === '' ? {} : { 'access-control-request-method': asked }) } });

test('a preflight from an allowed origin is answered with what the policy says', () => {
  const policy = policyOf({ ...allowA, allow_methods: 'GET,PUT', allow_headers: 'x-a', max_age: '60', allow_credentials: true });
  assert.deepEqual(applyCors(policy, asks('https://a.example'), 0).preflight, [
    ...['access-control-allow-origin', 'https://a.example'],
    ...['access-control-allow-credentials', 'true'],
    ...['access-control-allow-methods', 'GET,PUT'],
    ...['access-control-allow-headers', 'x-a'],
    ...['access-control-max-age', '60'],
  ]);
});

test('a preflight from another origin goes on, or is answered without leave', () => {
  assert.deepEqual(applyCors(policyOf(allowA), asks('https://b.example'), 0), { allowedOrigin: undefined, preflight: undefined });
  const ignoring = policyOf({ ...allowA, allow_methods: 'GET', forward_not_matching_preflights: false });
  assert.deepEqual(applyCors(ignoring, asks('https://b.example'), 0).preflight, ['access-control-allow-methods', 'GET']);
});

test('what is no preflight goes on, and its response gets the fields of an allowed origin', () => {
  const policy = policyOf({ ...allowA, expose_headers: 'x-b', allow_credentials: true });
  for (const request of [asks('https://a.example', 'GET'), asks('https://a.example', 'OPTIONS', '')]) {
    assert.deepEqual(applyCors(policy, request, 0), { allowedOrigin: 'https://a.example', preflight: undefined });
  }
  assert.deepEqual(corsResponseFields(policy, 'https://a.example'), [
    ...['access-control-allow-origin', 'https://a.example'],
    ...['access-control-allow-credentials', 'true'],
    ...['access-control-expose-headers', 'x-b'],
  ]);
  assert.equal(applyCors(policy, requestView('/', { method: 'GET' }), 0).allowedOrigin, undefined);
});

test('each field comes from the most specific level that says it, the share of requests from the first alone', () => {
  const policy = policyOf(
    { allow_methods: 'PUT', filter_enabled: { default_value: { numerator: 50 } } },
    { ...allowA, allow_methods: 'GET', allow_headers: 'x-b', allow_credentials: true, filter_enabled: { default_value: { numerator: 0 } } },
  );
  assert.deepEqual([policy.methods, policy.headers, policy.credentials, policy.enabled, policy.origins.length], ['PUT', 'x-b', true, 0.5, 1]);
  assert.notEqual(applyCors(policy, asks('https://a.example'), 0.49).preflight, undefined);
  assert.equal(applyCors(policy, asks('https://a.example'), 0.5).preflight, undefined);
});

test('a star repeats what was asked for', () => {
  const policy = policyOf({ ...allowA, allow_methods: '*', allow_headers: '*' });
  const request = requestView('/', {
    method: 'OPTIONS',
    headers: { origin: 'https://a.example', 'access-control-request-method': 'PATCH', 'access-control-request-headers': 'x-mine' },
  });
  assert.deepEqual(applyCors(policy, request, 0).preflight?.slice(2), [
    'access-control-allow-methods',
    'PATCH',
    'access-control-allow-headers',
    'x-mine',
  ]);
});
