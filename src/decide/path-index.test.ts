import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { compileRouteTable } from '#decide/route-table.ts';
import { Trace } from '#decide/trace.ts';
import { RouteConfigurationSchema } from '#envoy/gen/envoy/config/route/v3/route_pb.js';
import { requestView } from '#test/support/views.ts';

const segment = fc.constantFrom('a', 'b', 'ab', 'A', 'aB', '');
const somePath = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join('/')}`);
const pathMatch: fc.Arbitrary<JsonObject> = fc.oneof(
  somePath.map((path) => ({ path })),
  somePath.map((prefix) => ({ prefix })),
  somePath.map((path) => ({ path_separated_prefix: path.replace(/\/+$/, '') || '/a' })),
  fc.constantFrom('/a.*', '/.*/b', '/(a|b)').map((source) => ({ safe_regex: { regex: source } })),
  fc.constant({ connect_matcher: {} }),
);
const route: fc.Arbitrary<JsonObject> = fc.tuple(pathMatch, fc.boolean(), fc.constantFrom(0, 0, 1, 2)).map(([match, caseSensitive, headers]) => ({
  match: { ...match, case_sensitive: caseSensitive, headers: headers === 0 ? [] : [{ name: `x-${headers}`, present_match: true }] },
  route: { cluster: 'c' },
}));
const request = fc
  .tuple(fc.oneof(somePath, fc.constant('')), fc.constantFrom('', '?q=1', '#f'), fc.constantFrom('GET', 'CONNECT'), fc.subarray(['x-1', 'x-2']))
  .map(([path, query, method, names]) => {
    return requestView(path === '' ? '' : path + query, { method, headers: Object.fromEntries(names.map((name) => [name, ''])) });
  });

test('an index over many routes finds what trying them in order finds', () => {
  let found = 0;
  fc.assert(
    fc.property(fc.array(route, { minLength: 8, maxLength: 40 }), fc.array(request, { minLength: 20, maxLength: 20 }), (routes, requests) => {
      const config = fromJson(RouteConfigurationSchema, { name: 'r', virtual_hosts: [{ name: 'v', domains: ['*'], routes }] });
      const table = compileRouteTable(config);
      assert.ok(table.ok, JSON.stringify(table));
      for (const each of requests) {
        // With a trace the routes are tried one by one; without, through the index.
        const trace = new Trace();
        const oneByOne = table.value.decide(each, 0, trace);
        assert.equal(table.value.decide(each, 0), oneByOne, `${each.method} ${each.path}`);
        if (oneByOne.kind === 'forward') found += 1;
      }
    }),
    { numRuns: 300 },
  );
  assert.ok(found > 500, `only ${found} requests met a route`);
});
