// The index against the plain way, one policy after the other: the same verdict and the same policy, for random policies and requests. The seed is in
// the message of a failure.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { Problems } from '#decide/config-error.ts';
import { extensions } from '#decide/extension.ts';
import { authorize, compileRules, type RbacRules } from '#decide/rbac.ts';
import { literalBegin } from '#decide/rbac-keys.ts';
import { type RbacSubject, rbacSubject } from '#decide/rbac-subject.ts';
import { RBACSchema } from '#envoy/gen/envoy/config/rbac/v3/rbac_pb.js';
import { type PolicyRequest, policyRequest, rbacRules } from '#test/calls/random-policies.ts';
import { connectionView } from '#test/support/views.ts';

const seed = Number(process.env['HEDDLE_SEED'] ?? 20_260_101);

function rulesOf(json: JsonObject): RbacRules {
  const problems = new Problems('');
  const rules = compileRules(fromJson(RBACSchema, json, { registry: extensions }), 'rules', problems);
  assert.deepEqual(problems.errors, []);
  return rules;
}

const names: Readonly<Record<PolicyRequest['visitor']['certificate'], readonly string[] | undefined>> = {
  none: undefined,
  x: ['spiffe://mesh/ns/a/sa/x', 'client.example'],
  y: ['spiffe://mesh/ns/b/sa/y', 'spiffe://other/ns/a/sa/x', 'client.example'],
  plain: [],
};

function subjectOf({ visitor, method, authority, path, headers, claims }: PolicyRequest): RbacSubject {
  const peerNames = names[visitor.certificate];
  const fields = (name: string): readonly string[] => [headers[name] ?? []].flat();
  return rbacSubject(
    connectionView({
      sourceAddress: visitor.from,
      remoteAddress: fields('x-forwarded-for')[0] ?? visitor.from,
      serverName: visitor.serverName,
      ...(peerNames === undefined ? {} : { peerNames, peerSubject: 'CN=plain' }),
    }),
    { method, scheme: 'http', authority, path, header: (name) => fields(name).join(',') || undefined, headerFields: fields },
    claims === undefined ? undefined : new Map([['envoy.filters.http.jwt_authn', { payload: claims }]]),
  );
}

test(`an index finds what trying every policy finds (seed ${seed})`, () => {
  const met = { some: 0, none: 0 };
  for (const [index, json] of fc.sample(rbacRules('http', 30, 'DENY'), { seed, numRuns: 200 }).entries()) {
    const rules = rulesOf(json);
    for (const request of fc.sample(policyRequest, { seed: seed + index, numRuns: 20 })) {
      const subject = subjectOf(request);
      const plain = rules.policies.find((policy) => policy.matches(subject))?.name;
      assert.equal(authorize(rules, subject).policy, plain, `seed ${seed}, rules ${index}: ${JSON.stringify(request)}`);
      if (plain === undefined) met.none++;
      else met.some++;
    }
  }
  assert.ok(met.some > 1000 && met.none > 200, JSON.stringify(met));
});

test('policies as Istio writes them are found by what tells them apart, not one by one', () => {
  const kinds: readonly ((n: number) => JsonObject)[] = [
    (n) => policy({ url_path: { path: { exact: `/api/${n}` } } }, { any: true }),
    (n) => policy({ url_path: { path: { prefix: `/api/${n}/` } } }, { any: true }),
    (n) => policy({ header: { name: ':authority', string_match: { suffix: `.h${n}.example`, ignore_case: true } } }, { any: true }),
    (n) => policy({ any: true }, { authenticated: { principal_name: { exact: `spiffe://mesh/ns/n/sa/s${n}` } } }),
    (n) => policy({ any: true }, { authenticated: { principal_name: { safe_regex: { regex: `.*/ns/team-${n}/.*` } } } }),
    (n) => policy({ any: true }, { direct_remote_ip: { address_prefix: `10.${n >> 8}.${n & 255}.0`, prefix_len: 24 } }),
    (n) => policy({ destination_port: n + 1 }, { any: true }),
    (n) =>
      policy({ and_rules: { rules: [{ header: { name: ':method', string_match: { exact: 'GET' } } }, path(n)] } }, { not_id: { authenticated: {} } }),
  ];
  let all = 0;
  for (const [at, make] of kinds.entries()) {
    let tested = 0;
    const rules = rulesOf({ policies: Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`p${n}`, make(n)])) });
    for (const each of rules.policies) {
      const { matches } = each;
      Object.assign(each, { matches: (subject: RbacSubject) => (tested++, matches(subject)) });
    }
    authorize(
      rules,
      subjectOf({
        visitor: { from: '10.0.7.9', serverName: '', certificate: 'x' },
        method: 'GET',
        authority: 'a.h7.example',
        path: '/api/7/x',
        headers: {},
        claims: undefined,
      }),
    );
    assert.ok(tested <= 2, `kind ${at}: ${tested} of 1000 policies were tried`);
    all += tested;
  }
  assert.ok(all >= 4, `${all} were tried`);
});

function policy(permission: JsonObject, principal: JsonObject): JsonObject {
  return { permissions: [permission], principals: [principal] };
}

function path(n: number): JsonObject {
  return { or_rules: { rules: [{ url_path: { path: { exact: `/a/${n}` } } }, { url_path: { path: { prefix: `/b/${n}/` } } }] } };
}

test('the literal beginning of an expression is what all its matches begin with', () => {
  const table: [regex: string, begin: string][] = [
    ['/api/.*', '/api/'],
    ['/a\\.b/.+', '/a.b/'],
    ['/ab?', '/a'],
    ['/ab*c', '/a'],
    ['/ab+c', '/ab'],
    ['/ab{2}', '/a'],
    ['/a|/b', ''],
    ['(?i)/a', ''],
    ['^/a$', '/a'],
    ['\\d+', ''],
    ['.*', ''],
    ['', ''],
  ];
  for (const [regex, begin] of table) assert.equal(literalBegin(regex), begin, regex);
});
