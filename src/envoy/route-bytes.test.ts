import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, equals, fromBinary } from '@bufbuild/protobuf';
import { type Route, RouteSchema } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
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

test('of a host with many routes only those that are new are encoded, and it reads back as it is', () => {
  const route = (path: string) =>
    create(RouteSchema, {
      name: path,
      match: { pathSpecifier: { case: 'prefix', value: path } },
      action: { case: 'directResponse', value: { status: 200 } },
    });
  const routes = Array.from({ length: 40 }, (_, index) => route(`/${index}`));
  const of = (some: readonly Route[]) =>
    create(RouteConfigurationSchema, {
      name: '80',
      virtualHosts: [{ name: 'a', domains: ['a'], routes: [...some], includeRequestAttemptCount: true }],
    });
  const changed = routes.with(7, route('/new'));
  for (const config of [of(routes), of(changed), of([...changed, ...changed]), of(routes.slice(0, 20))]) {
    assert.ok(equals(RouteConfigurationSchema, fromBinary(RouteConfigurationSchema, routeConfigurationBytes(config)), config));
  }
});
