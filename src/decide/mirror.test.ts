import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { Problems } from '#decide/config-error.ts';
import { compileMirrors, mirrorsOf, shadowHost } from '#decide/mirror.ts';
import { RouteAction_RequestMirrorPolicySchema } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import { requestView } from '#test/support/views.ts';

function mirrors(problems: Problems, ...policies: readonly JsonObject[]) {
  return compileMirrors(
    policies.map((json) => fromJson(RouteAction_RequestMirrorPolicySchema, json)),
    'route',
    problems,
  );
}

test('one number decides for all copies of a request, and a header may name a cluster', () => {
  const policies = mirrors(
    new Problems('test'),
    { cluster: 'all' },
    { cluster: 'some', runtime_fraction: { default_value: { numerator: 30 } } },
    { cluster_header: 'X-Copy-To' },
  );
  const to = (random: number, headers: Readonly<Record<string, string>> = {}) =>
    mirrorsOf(policies, requestView('/', { headers }), random).map(({ cluster }) => cluster);
  assert.deepEqual([to(0.29), to(0.3)], [['all', 'some'], ['all']]);
  assert.deepEqual(to(0.9, { 'x-copy-to': 'named' }), ['all', 'named']);
});

test('a copy’s host is marked before its port', () => {
  assert.deepEqual(['a.example', 'a.example:80', '[::1]:80', '[::1]'].map(shadowHost), [
    'a.example-shadow',
    'a.example-shadow:80',
    '[::1]-shadow:80',
    '[::1]-shadow',
  ]);
});

test('a policy needs a cluster, and one only', () => {
  const problems = new Problems('test');
  mirrors(problems, {}, { cluster: 'a', cluster_header: 'b' });
  assert.deepEqual(
    problems.errors.map(({ field }) => field),
    ['route.request_mirror_policies[0]', 'route.request_mirror_policies[1]'],
  );
});
