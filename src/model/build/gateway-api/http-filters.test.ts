// Rules of an HTTPRoute as the model's: what filters, backends, timeouts and retries come to.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ConvertedRules, convertGrpcRoute, convertHttpRoute } from '#model/build/gateway-api/http-rules.ts';
import { ReferenceGrants } from '#model/build/gateway-api/reference-grants.ts';
import { buildMesh } from '#model/build/mesh.ts';
import { resourcesOf, snapshotOf } from '#test/support/snapshots.ts';

function convert(rule: string, kind: 'HTTPRoute' | 'GRPCRoute' = 'HTTPRoute'): ConvertedRules {
  const services = ['a', 'b']
    .map((name) => `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}}\nspec: {ports: [{name: http, port: 80}]}\n---\n`)
    .join('');
  const text = `${services}apiVersion: gateway.networking.k8s.io/v1\nkind: ${kind}\nmetadata: {name: r}\nspec: {rules: [{${rule}}]}\n`;
  const resources = resourcesOf(text);
  const mesh = buildMesh(snapshotOf(resources));
  const route = resources.find((resource) => resource.kind === kind);
  assert.ok(route?.kind === 'HTTPRoute' || route?.kind === 'GRPCRoute');
  const context = {
    route: { kind, namespace: 'default', origins: route.origins },
    services: mesh.services,
    grants: new ReferenceGrants([]),
    domain: 'cluster.local',
  };
  return route.kind === 'HTTPRoute' ? convertHttpRoute(route, context) : convertGrpcRoute(route, context);
}

const toA = 'backendRefs: [{name: a, port: 80}]';

function only(rule: string) {
  const { rules, problems } = convert(rule);
  assert.deepEqual(problems, []);
  assert.equal(rules.length, 1);
  return rules[0];
}

test('header filters of a rule and of a backend; of equal names the first counts', () => {
  const request = '{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: X-A, value: "1"}, {name: x-a, value: "2"}], remove: [X-B]}}';
  const response = '{type: ResponseHeaderModifier, responseHeaderModifier: {add: [{name: x-c, value: "3"}]}}';
  const rule = only(`filters: [${request}], backendRefs: [{name: a, port: 80, filters: [${response}]}, {name: b, port: 80}]`);
  assert.deepEqual(rule?.headers?.request, { set: [{ name: 'x-a', value: '1' }], add: [], remove: ['x-b'] });
  assert.deepEqual(
    rule?.destinations.map(({ headers, weight }) => [headers?.response.add, weight]),
    [
      [[{ name: 'x-c', value: '3' }], 1],
      [undefined, 1],
    ],
  );
});

test('only headers can be changed for one backend', () => {
  const filter = '{type: URLRewrite, urlRewrite: {hostname: x.com}}';
  const { rules, problems, refusedRules } = convert(`backendRefs: [{name: a, port: 80, filters: [${filter}]}]`);
  assert.equal(problems[0]?.reason, 'UnsupportedValue');
  assert.equal(refusedRules, 1);
  assert.deepEqual(rules[0]?.answer, { kind: 'direct-response', status: 500 });
});

const mirror = (fields: string): string => `{type: RequestMirror, requestMirror: {backendRef: {name: b, port: 80}${fields}}}`;

test('mirrors: all, a percentage, a fraction', () => {
  const rule = only(`filters: [${mirror('')}, ${mirror(', percent: 7')}, ${mirror(', fraction: {numerator: 1, denominator: 8}')}], ${toA}`);
  assert.deepEqual(
    rule?.mirrors?.map(({ percent, destination }) => [destination.host.hostname, destination.port, percent]),
    [100, 7, 12.5].map((percent) => ['b.default.svc.cluster.local', 80, percent]),
  );
});

test('CORS: origins exact, any, and with a wildcard', () => {
  const withOrigins = (origins: string) => only(`filters: [{type: CORS, cors: {allowOrigins: [${origins}], maxAge: 3}}], ${toA}`);
  const rule = withOrigins('"https://a.com", "https://*.b.com"');
  assert.deepEqual(rule?.cors?.allowOrigins, [
    { kind: 'exact', value: 'https://a.com' },
    { kind: 'regex', value: 'https://.*\\.b\\.com' },
  ]);
  assert.deepEqual(withOrigins('"*"')?.cors?.allowOrigins, [{ kind: 'regex', value: '.*' }]);
  assert.equal(rule?.cors?.maxAgeMs, 3000);
  assert.equal(rule?.cors?.unmatchedPreflights, 'ignore');
});

const redirects: readonly (readonly [written: string, port: number | 'from-request'])[] = [
  ['{}', 'from-request'],
  ['{scheme: https}', 443],
  ['{scheme: http}', 80],
  ['{port: 8443, scheme: https}', 8443],
  ['{hostname: a.com}', 'from-request'],
];

for (const [written, port] of redirects) {
  test(`the port of a redirect ${written}`, () => {
    const answer = only(`filters: [{type: RequestRedirect, requestRedirect: ${written}}]`)?.answer;
    assert.ok(answer?.kind === 'redirect');
    assert.deepEqual([answer.port, answer.status], [port, 302]);
  });
}

const prefixes: readonly (readonly [matched: string, by: string, rewrite: object | undefined])[] = [
  ['/a/', '/b/', { path: '/b' }],
  ['/a.c', '/', { regex: { pattern: '^/a\\.c/?(.*)$', replacement: '/\\1' } }],
  ['/', '/b', { regex: { pattern: '^/(.*)$', replacement: '/b/\\1' } }],
  ['/', '/', undefined],
];

for (const [matched, by, rewrite] of prefixes) {
  test(`prefix ${matched} replaced by ${by}`, () => {
    const filter = `{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: ${by}}}}`;
    assert.deepEqual(only(`matches: [{path: {value: ${matched}}}], filters: [${filter}], ${toA}`)?.rewrite, rewrite);
  });
}

test('timeouts and retries', () => {
  const both = only(`timeouts: {request: 10s, backendRequest: 2s}, retry: {codes: [503], backoff: 100ms}, ${toA}`);
  assert.equal(both?.timeoutMs, 10_000);
  assert.deepEqual(both?.retries, {
    attempts: 2,
    retryOn: 'connect-failure,refused-stream,unavailable,cancelled,503',
    perTryTimeoutMs: 2000,
    backoffMs: 100,
  });
  assert.equal(only(`timeouts: {backendRequest: 2s}, ${toA}`)?.timeoutMs, 2000, 'one try has all the time');
  assert.equal(only(`timeouts: {request: 0s}, ${toA}`)?.timeoutMs, undefined, 'zero is no limit');
  assert.equal(only(`retry: {attempts: 0}, ${toA}`)?.retries?.attempts, 0);
});

test('a rule becomes one for each match; a route without rules answers 500', () => {
  assert.deepEqual(
    convert(`matches: [{path: {value: /a}}, {method: GET}], ${toA}`).rules.map(({ matches }) => matches.length),
    [1, 1],
  );
  assert.deepEqual(only('')?.answer, { kind: 'direct-response', status: 500 });
});

const methods: readonly (readonly [written: string, uri: object | undefined])[] = [
  ['{service: a.B, method: C}', { kind: 'exact', value: '/a.B/C' }],
  ['{service: a.B}', { kind: 'prefix', value: '/a.B' }],
  ['{method: C}', { kind: 'regex', value: '/[^/]+/C' }],
  ['{type: RegularExpression, service: a.*, method: "[CD]"}', { kind: 'regex', value: '/a.*/[CD]' }],
];

for (const [written, uri] of methods) {
  test(`gRPC ${written}`, () => assert.deepEqual(convert(`matches: [{method: ${written}}], ${toA}`, 'GRPCRoute').rules[0]?.matches[0]?.uri, uri));
}
