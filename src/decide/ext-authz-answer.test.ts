import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromJson, type JsonObject, toBinary } from '@bufbuild/protobuf';
import { Problems } from '#decide/config-error.ts';
import { compileHttpExtAuthz } from '#decide/ext-authz.ts';
import { readCheckResponse, readHttpAnswer } from '#decide/ext-authz-answer.ts';
import { applyCheck } from '#decide/ext-authz-filter.ts';
import { applyFieldChanges, changeQuery } from '#decide/field-change.ts';
import { noEffects } from '#decide/filter-verdict.ts';
import { ExtAuthzSchema } from '#envoy/gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js';
import { CheckResponseSchema } from '#envoy/gen/envoy/service/auth/v3/external_auth_pb.js';

const read = (json: JsonObject) => readCheckResponse(toBinary(CheckResponseSchema, fromJson(CheckResponseSchema, json)));

function authzOf(json: JsonObject) {
  const problems = new Problems('');
  const entry = compileHttpExtAuthz(fromJson(ExtAuthzSchema, { grpc_service: { envoy_grpc: { cluster_name: 'a' } }, ...json }), 'authz', problems);
  assert.deepEqual(problems.errors, []);
  return entry;
}

test('what is no answer lets nobody pass: garbage, and an authoriser that says it failed', () => {
  assert.equal(readCheckResponse(Buffer.from('nonsense')).kind, 'error');
  const failed = create(CheckResponseSchema);
  failed.$unknown = [{ no: 5, wireType: 2, data: new Uint8Array([0]) }];
  assert.equal(readCheckResponse(toBinary(CheckResponseSchema, failed)).kind, 'error');
  // Envoy: no status is OK, as gRPC's default is.
  assert.equal(readCheckResponse(new Uint8Array(0)).kind, 'allowed');
  assert.deepEqual(read({ status: { code: 13 } }), { kind: 'denied', status: 403, body: '', response: [], metadata: {} });
});

test('an error closes, unless it was told to open', () => {
  const closed = applyCheck(authzOf({ status_on_error: { code: 'BadGateway' } }), { kind: 'error', because: 'late' }, noEffects(), 0);
  assert.ok(closed.kind === 'answer');
  assert.deepEqual([closed.answer.status, closed.answer.flag, closed.answer.details], [502, 'UAEX', 'ext_authz_error']);
  const open = authzOf({ failure_mode_allow: true, failure_mode_allow_header_add: true });
  assert.deepEqual(applyCheck(open, { kind: 'error', because: 'late' }, noEffects(), 0), {
    kind: 'pass',
    changes: [{ kind: 'add', name: 'x-envoy-auth-failure-mode-allowed', value: 'true' }],
    query: [],
    reroutes: false,
  });
});

test('pseudo headers and host cannot be taken away, and changes find another route only where that is asked for', () => {
  const answer = read({ status: {}, ok_response: { headers_to_remove: [':path', 'Host', 'x-a'] } });
  const kept = applyCheck(authzOf({}), answer, noEffects(), 0);
  assert.ok(kept.kind === 'pass');
  assert.deepEqual([kept.changes.map(({ name }) => name), kept.reroutes], [['x-a'], false]);
  const again = applyCheck(authzOf({ clear_route_cache: true }), answer, noEffects(), 0);
  assert.ok(again.kind === 'pass' && again.reroutes);
  const nothing = applyCheck(authzOf({ clear_route_cache: true }), read({ status: {} }), noEffects(), 0);
  assert.ok(nothing.kind === 'pass' && !nothing.reroutes);
});

test('the headers of an HTTP answer go where the lists say', () => {
  const none = (): boolean => false;
  const only = (wanted: string) => (name: string) => name === wanted;
  const service = {
    kind: 'http' as const,
    cluster: 'a',
    pathPrefix: '',
    addedHeaders: [],
    toUpstream: only('x-up'),
    besideUpstream: none,
    toDeniedClient: only('x-why'),
    toAllowedClient: only('x-client'),
    toMetadata: only('x-meta'),
  };
  const fields = ['x-up', '1', 'x-why', '2', 'x-client', '3', 'x-meta', '4', 'x-envoy-auth-headers-to-remove', 'a, B'];
  const allowed = readHttpAnswer(service, 200, fields, new Uint8Array(0));
  assert.ok(allowed.kind === 'allowed');
  assert.deepEqual(
    allowed.request.map(({ kind, name }) => `${kind} ${name}`),
    ['set x-up', 'remove a', 'remove b'],
  );
  assert.deepEqual([allowed.response.map(({ name }) => name), allowed.metadata], [['x-client'], { 'x-meta': '4' }]);
  const denied = readHttpAnswer(service, 401, fields, Buffer.from('no'));
  assert.ok(denied.kind === 'denied');
  assert.deepEqual([denied.status, denied.response.map(({ name }) => name)], [401, ['x-why']]);
  assert.equal(readHttpAnswer(service, 500, fields, new Uint8Array(0)).kind, 'error');
});

test('each change of a field, and of a query', () => {
  const fields = ['a', '1', 'b', '2', 'a', '3'];
  applyFieldChanges(
    [
      { kind: 'set', name: 'b', value: 'new' },
      { kind: 'append', name: 'a', value: 'x' },
      { kind: 'append', name: 'none', value: 'x' },
      { kind: 'add-if-absent', name: 'a', value: 'x' },
      { kind: 'add-if-absent', name: 'c', value: 'c' },
      { kind: 'set-if-present', name: 'none', value: 'x' },
      { kind: 'add', name: 'c', value: 'd' },
    ],
    fields,
  );
  assert.deepEqual(fields, ['a', '1,x', 'a', '3', 'b', 'new', 'c', 'c', 'c', 'd']);
  applyFieldChanges([{ kind: 'remove', name: 'a', value: '' }], fields);
  assert.deepEqual(fields, ['b', 'new', 'c', 'c', 'c', 'd']);
  assert.equal(changeQuery('/p?b=1&a=2&b=3', [{ name: 'c', value: '4' }]), '/p?a=2&b=1&b=3&c=4');
  assert.equal(changeQuery('/p?b=1', [{ name: 'b', value: undefined }]), '/p');
  assert.equal(changeQuery('/p', [{ name: 'b', value: '1' }]), '/p?b=1');
});
