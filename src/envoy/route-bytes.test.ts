import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, equals, fromBinary } from '@bufbuild/protobuf';
import { RouteConfigurationSchema } from '#envoy/gen/envoy/config/route/v3/route_pb.js';
import { routeConfigurationBytes } from '#envoy/route-bytes.ts';

test('a route configuration put together from its hosts reads back as it was, the second time too', () => {
  const config = create(RouteConfigurationSchema, {
    name: '80',
    virtualHosts: [
      { name: 'a', domains: ['a', 'a:80'] },
      { name: 'b', domains: ['*'], includeRequestAttemptCount: true },
    ],
    validateClusters: false,
    ignorePortInHostMatching: true,
  });
  for (let turn = 0; turn < 2; turn += 1) {
    assert.ok(equals(RouteConfigurationSchema, fromBinary(RouteConfigurationSchema, routeConfigurationBytes(config)), config));
  }
  assert.equal(config.virtualHosts.length, 2);
});
