import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { Problems } from '#decide/config-error.ts';
import { extensions } from '#decide/extension.ts';
import { authorize, compileRules, type RbacRules } from '#decide/rbac.ts';
import { describeDenial } from '#decide/rbac-denial.ts';
import { rbacSubject } from '#decide/rbac-subject.ts';
import { Trace } from '#decide/trace.ts';
import { RBACSchema } from '#envoy/gen/envoy/config/rbac/v3/rbac_pb.js';
import { connectionView, requestView } from '#test/support/views.ts';

function rulesOf(json: JsonObject): RbacRules {
  const problems = new Problems('');
  const rules = compileRules(fromJson(RBACSchema, json, { registry: extensions }), 'rules', problems);
  assert.deepEqual(problems.errors, []);
  return rules;
}

const template = (path_template: string): JsonObject => ({
  uri_template: {
    name: 'uri-template',
    typed_config: { '@type': 'type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig', path_template },
  },
});
const cidr = (address_prefix: string, prefix_len: number) => ({ address_prefix, prefix_len });

// GET /api/users?q=1 from 10.0.0.9, as `spiffe://mesh/client`, to 10.0.0.1:80; behind a proxy, for 203.0.113.7.
const connection = connectionView({ peerNames: ['spiffe://mesh/client', 'client.mesh'], remoteAddress: '203.0.113.7', serverName: 'a.example.com' });
const request = requestView('/api/users?q=1', { headers: { 'x-role': 'admin' } });

test('permissions: each kind, and what it does not match', () => {
  const table: [permission: JsonObject, matches: boolean][] = [
    [{ any: true }, true],
    [{ header: { name: ':method', string_match: { exact: 'GET' } } }, true],
    [{ header: { name: 'x-role', string_match: { exact: 'user' } } }, false],
    [{ url_path: { path: { exact: '/api/users' } } }, true],
    [{ url_path: { path: { prefix: '/api/users?' } } }, false],
    [{ destination_ip: cidr('10.0.0.0', 24) }, true],
    [{ destination_ip: cidr('10.0.1.0', 24) }, false],
    [{ destination_port: 80 }, true],
    [{ destination_port: 81 }, false],
    [{ destination_port_range: { start: 80, end: 81 } }, true],
    [{ destination_port_range: { start: 70, end: 80 } }, false],
    [{ requested_server_name: { suffix: '.example.com' } }, true],
    [{ requested_server_name: { exact: 'b' } }, false],
    [{ metadata: { filter: 'f', path: [{ key: 'k' }], value: { present_match: true } } }, false],
    [{ metadata: { filter: 'f', path: [{ key: 'k' }], value: { present_match: true }, invert: true } }, true],
    [template('/api/{name}'), true],
    [template('/{first}/{second}/{third}'), false],
    [template('/{**}'.replace('{**}', '**')), true],
    [{ sourced_metadata: { metadata_matcher: { filter: 'f', path: [{ key: 'k' }], value: { present_match: true }, invert: true } } }, true],
    [{ not_rule: { destination_port: 80 } }, false],
    [{ and_rules: { rules: [{ destination_port: 80 }, { any: true }] } }, true],
    [{ and_rules: { rules: [{ destination_port: 81 }, { any: true }] } }, false],
    [{ or_rules: { rules: [{ destination_port: 81 }, { destination_port: 80 }] } }, true],
    [{ or_rules: { rules: [{ destination_port: 81 }, { destination_port: 82 }] } }, false],
  ];
  for (const [permission, matches] of table) {
    const rules = rulesOf({ policies: { p: { permissions: [permission], principals: [{ any: true }] } } });
    assert.equal(authorize(rules, rbacSubject(connection, request)).allowed, matches, JSON.stringify(permission));
  }
});

test('principals: each kind, and what it does not match', () => {
  const table: [principal: JsonObject, matches: boolean][] = [
    [{ any: true }, true],
    [{ authenticated: {} }, true],
    [{ authenticated: { principal_name: { exact: 'spiffe://mesh/client' } } }, true],
    [{ authenticated: { principal_name: { exact: 'client.mesh' } } }, true],
    [{ authenticated: { principal_name: { exact: 'spiffe://mesh/other' } } }, false],
    [{ direct_remote_ip: cidr('10.0.0.0', 8) }, true],
    [{ direct_remote_ip: cidr('203.0.113.0', 24) }, false],
    [{ source_ip: cidr('10.0.0.9', 32) }, true],
    [{ remote_ip: cidr('203.0.113.0', 24) }, true],
    [{ remote_ip: cidr('10.0.0.0', 8) }, false],
    [{ header: { name: 'x-role', string_match: { exact: 'admin' } } }, true],
    [{ header: { name: 'x-none', present_match: true } }, false],
    [{ url_path: { path: { prefix: '/api/' } } }, true],
    [{ not_id: { authenticated: {} } }, false],
    [{ and_ids: { ids: [{ any: true }, { authenticated: {} }] } }, true],
    [{ or_ids: { ids: [{ not_id: { any: true } }, { authenticated: {} }] } }, true],
  ];
  for (const [principal, matches] of table) {
    const rules = rulesOf({ policies: { p: { permissions: [{ any: true }], principals: [principal] } } });
    assert.equal(authorize(rules, rbacSubject(connection, request)).allowed, matches, JSON.stringify(principal));
  }
});

test('metadata: each kind of value, lists, and what is missing', () => {
  const metadata = new Map([['jwt', { payload: { iss: 'me', aud: ['a', 'b'], age: 7, admin: true, none: null, deep: { list: [['x']] } } }]]);
  const at = (path: string, value: JsonObject, invert = false): JsonObject => ({
    metadata: { filter: 'jwt', path: ['payload', ...path.split('.')].map((key) => ({ key })), value, invert },
  });
  const text = (exact: string): JsonObject => ({ string_match: { exact } });
  const oneOf = (value: JsonObject): JsonObject => ({ list_match: { one_of: value } });
  const table: [principal: JsonObject, matches: boolean][] = [
    [at('iss', text('me')), true],
    [at('iss', text('you')), false],
    [at('iss', text('you'), true), true],
    [at('iss', oneOf(text('me'))), false],
    [at('aud', text('a')), false],
    [at('aud', oneOf(text('b'))), true],
    [at('aud', { or_match: { value_matchers: [oneOf(text('c')), text('a')] } }), false],
    [at('aud', { or_match: { value_matchers: [oneOf({ or_match: { value_matchers: [text('c'), text('a')] } }), text('z')] } }), true],
    [at('age', { double_match: { exact: 7 } }), true],
    [at('age', { double_match: { range: { start: 7, end: 8 } } }), true],
    [at('age', { double_match: { range: { start: 6, end: 7 } } }), false],
    [at('admin', { bool_match: true }), true],
    [at('admin', { bool_match: false }), false],
    [at('none', { null_match: {} }), true],
    [at('other', { null_match: {} }), false],
    [at('none', { present_match: true }), true],
    [at('other', { present_match: true }), false],
    [at('iss', { present_match: false }), false],
    [at('deep', { present_match: true }), true],
    [at('deep.list', oneOf(oneOf(text('x')))), true],
    [at('deep.list', oneOf(text('x'))), false],
  ];
  for (const [principal, matches] of table) {
    const rules = rulesOf({ policies: { p: { permissions: [{ any: true }], principals: [principal] } } });
    assert.equal(authorize(rules, rbacSubject(connection, request, metadata)).allowed, matches, JSON.stringify(principal));
  }
});

test('over TLS without a certificate a client is there, but has no name', () => {
  const named = (principal_name: JsonObject): RbacRules =>
    rulesOf({ policies: { p: { permissions: [{ any: true }], principals: [{ authenticated: { principal_name } }] } } });
  const nobody = rbacSubject(connectionView({ secure: true }));
  assert.equal(authorize(rulesOf({ policies: { p: { permissions: [{ any: true }], principals: [{ authenticated: {} }] } } }), nobody).allowed, true);
  assert.equal(authorize(named({ safe_regex: { regex: '.+' } }), nobody).allowed, false);
  assert.equal(authorize(named({ safe_regex: { regex: '.*' } }), nobody).allowed, true);
  const subject = rbacSubject(connectionView({ peerNames: [], peerSubject: 'CN=client' }));
  assert.equal(authorize(named({ exact: 'CN=client' }), subject).allowed, true);
});

test('a denial names policy, rule and field, and no secret', () => {
  const header = { header: { name: 'authorization', string_match: { exact: 'Bearer good' } } };
  const deny = rulesOf({ action: 'DENY', policies: { 'ns[shop]-policy[closed]-rule[1]': { permissions: [{ any: true }], principals: [header] } } });
  const caller = rbacSubject(connection, requestView('/x?secret', { headers: { authorization: 'Bearer bad' } }));
  assert.equal(
    describeDenial(deny, 'ns[shop]-policy[closed]-rule[1]', caller),
    'denied by policy shop/closed, rule 1: anything for header authorization is [redacted]',
  );
  const policies = {
    'ns[shop]-policy[read]-rule[0]': { permissions: [{ header: { name: ':method', string_match: { exact: 'PUT' } } }], principals: [{ any: true }] },
    'ns[shop]-policy[token]-rule[0]': { permissions: [{ any: true }], principals: [header] },
    other: { permissions: [{ url_path: { path: { prefix: '/y' } } }], principals: [{ any: true }] },
  };
  const told = describeDenial(rulesOf({ policies }), undefined, caller);
  assert.equal(
    told,
    'no policy allows it: policy shop/read, rule 0: header :method is PUT: it is GET; policy shop/token, rule 0: header authorization is [redacted]: ' +
      'it is another; policy other: path begins with /y: it is /x',
  );
  assert.doesNotMatch(told, /good|bad|secret/);
  assert.equal(describeDenial(rulesOf({}), undefined, caller), 'no policy allows it: there is none');
});

test('without a certificate nobody is authenticated; without a request nothing about requests matches', () => {
  const authenticated = rulesOf({ policies: { p: { permissions: [{ any: true }], principals: [{ authenticated: {} }] } } });
  assert.equal(authorize(authenticated, rbacSubject(connectionView())).allowed, false);
  const path = rulesOf({ policies: { p: { permissions: [{ url_path: { path: { prefix: '/' } } }], principals: [{ any: true }] } } });
  assert.equal(authorize(path, rbacSubject(connection)).allowed, false);
});

test('ALLOW, DENY and LOG; the first policy by name gives its name', () => {
  const policy = (port: number) => ({ permissions: [{ destination_port: port }], principals: [{ any: true }] });
  const verdict = (action: string, port: number) =>
    authorize(rulesOf({ action, policies: { b: policy(port), a: policy(port), c: policy(1) } }), rbacSubject(connection));
  assert.deepEqual(verdict('ALLOW', 80), { allowed: true, policy: 'a' });
  assert.deepEqual(verdict('ALLOW', 81), { allowed: false, policy: undefined });
  assert.deepEqual(verdict('DENY', 80), { allowed: false, policy: 'a' });
  assert.deepEqual(verdict('DENY', 81), { allowed: true, policy: undefined });
  assert.deepEqual(verdict('LOG', 80), { allowed: true, policy: 'a' });
});

test('a trace says which policies were passed over and which decided', () => {
  const trace = new Trace();
  const policies = {
    a: { permissions: [{ destination_port: 81 }], principals: [{ any: true }] },
    b: { permissions: [{ destination_port: 80 }], principals: [{ authenticated: {} }] },
  };
  authorize(rulesOf({ action: 'DENY', policies }), rbacSubject(connection), trace);
  assert.deepEqual(
    trace.steps.map(({ name, outcome, because }) => `${name} ${outcome} ${because}`),
    ['a skipped does not match: port 81: it is 80', 'b rejected deny: port 80 for a client over TLS'],
  );
});

test('an impossible range is an error with its field', () => {
  const problems = new Problems('');
  const rbac = fromJson(RBACSchema, { policies: { p: { permissions: [{ destination_ip: cidr('x', 8) }], principals: [{ any: true }] } } });
  compileRules(rbac, 'rules', problems);
  assert.equal(problems.errors[0]?.field, 'rules.policies["p"].permissions[0].destination_ip');
});
