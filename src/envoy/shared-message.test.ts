import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clone, equals, fromBinary, toBinary } from '@bufbuild/protobuf';
import { create } from '#envoy/create.ts';
import { encode } from '#envoy/encode.ts';
import { RouteActionSchema, RouteSchema } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import { createShared } from '#envoy/shared-message.ts';

const fields = { clusterSpecifier: { case: 'cluster', value: 'a' }, timeout: { seconds: 3n } } as const;

void test('a shared message is as any other, and so are those that hold it', () => {
  const shared = createShared(RouteActionSchema, fields);
  assert.ok(equals(RouteActionSchema, shared, create(RouteActionSchema, fields)));
  for (const name of ['first', 'second']) {
    const route = create(RouteSchema, { name, action: { case: 'route', value: shared } });
    assert.equal(route.action.value, shared);
    assert.ok(equals(RouteSchema, fromBinary(RouteSchema, encode(RouteSchema, route)), route));
  }
});

void test('a copy with other fields is not taken for what it was copied from', () => {
  const shared = createShared(RouteActionSchema, fields);
  const cloned = clone(RouteActionSchema, shared);
  cloned.prefixRewrite = '/b';
  const spread = create(RouteActionSchema, { ...shared, prefixRewrite: '/b' });
  for (const copy of [cloned, spread]) {
    assert.deepEqual(
      toBinary(RouteActionSchema, fromBinary(RouteActionSchema, encode(RouteActionSchema, copy))),
      toBinary(RouteActionSchema, cloned),
    );
  }
});
