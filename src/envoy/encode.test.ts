import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DescMessage, fromBinary, type MessageInitShape, create as plainCreate, toBinary } from '@bufbuild/protobuf';
import { create } from '#envoy/create.ts';
import { encode } from '#envoy/encode.ts';
import { ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { MetadataSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { ClusterLoadAssignmentSchema } from '#envoy/gen/envoy/config/endpoint/v3/endpoint_pb.js';
import { FilterChainMatchSchema } from '#envoy/gen/envoy/config/listener/v3/listener_components_pb.js';
import { RouteSchema } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';

/** As a message of ours, as one of protobuf's, and as fields: it reads back as it was, and takes as many bytes as protobuf makes of it. */
function check<Schema extends DescMessage>(schema: Schema, init: MessageInitShape<Schema>): void {
  const expected = toBinary(schema, plainCreate(schema, structuredClone(init)));
  for (const message of [create(schema, structuredClone(init)), plainCreate(schema, structuredClone(init)), init]) {
    const bytes = encode(schema, message);
    assert.equal(bytes.length, expected.length);
    assert.deepEqual(toBinary(schema, fromBinary(schema, bytes)), expected);
  }
}

void test('routes, with everything that fields can be', () => {
  check(RouteSchema, {});
  check(RouteSchema, {
    name: 'grüezi',
    match: {
      pathSpecifier: { case: 'prefix', value: '' },
      caseSensitive: false,
      headers: [{ name: 'a', headerMatchSpecifier: { case: 'presentMatch', value: false } }, { name: 'b' }],
      runtimeFraction: { defaultValue: { numerator: 0 } },
    },
    action: {
      case: 'route',
      value: {
        clusterSpecifier: {
          case: 'weightedClusters',
          value: {
            clusters: [
              { name: 'v1', weight: 0 },
              { name: 'v2', weight: 4_000_000_000 },
            ],
          },
        },
        timeout: { seconds: -3n, nanos: -1 },
        maxGrpcTimeout: {},
        hostRewriteSpecifier: { case: 'autoHostRewrite', value: { value: false } },
        retryPolicy: { numRetries: 0, retriableStatusCodes: [503, 0], hostSelectionRetryMaxAttempts: 5n },
        clusterNotFoundResponseCode: 1,
      },
    },
    typedPerFilterConfig: { fault: { typeUrl: 'a', value: new Uint8Array([1, 2]) }, empty: {} },
    requestHeadersToRemove: ['x', ''],
  });
});

void test('structs: all kinds of JSON, nested', () => {
  const deep = { list: [1, 'two', null, true, [], {}], zero: 0, no: false, nothing: '', minus: -1.5 };
  check(MetadataSchema, { filterMetadata: { istio: { config: 'here', deep }, empty: {} } });
});

void test('endpoints and clusters: wrapped scalars, zero or not, doubles, enums, and long parts', () => {
  const endpoints = Array.from({ length: 300 }, (_, index) => ({ loadBalancingWeight: { value: index }.value, healthStatus: index % 3 }));
  check(ClusterLoadAssignmentSchema, { clusterName: 'x'.repeat(20_000), endpoints: [{ priority: 1, lbEndpoints: endpoints }] });
  check(ClusterSchema, {
    name: 'ü'.repeat(100),
    perConnectionBufferLimitBytes: 0,
    commonLbConfig: { healthyPanicThreshold: { value: 0.5 } },
    outlierDetection: { consecutive5xx: 0, splitExternalLocalOriginErrors: true },
    circuitBreakers: { thresholds: [{ retryBudget: { budgetPercent: { value: -0 } } }] },
  });
});

void test('numbers in a row, few and many', () => {
  check(FilterChainMatchSchema, { sourcePorts: [], serverNames: ['a'] });
  check(FilterChainMatchSchema, {
    sourcePorts: Array.from({ length: 100 }, (_, index) => index * 600),
    destinationPort: 0,
    transportProtocol: 'tls',
  });
});

void test('unknown fields are kept, messages of another type refused', () => {
  const route = create(RouteSchema, { name: 'a' });
  route.$unknown = [{ no: 5000, wireType: 0, data: new Uint8Array([1]) }];
  assert.deepEqual(encode(RouteSchema, route), toBinary(RouteSchema, route));
  // The type is what is to be found out.
  assert.throws(
    () => encode(ClusterSchema, route as never),
    /a envoy\.config\.route\.v3\.Route stands where a envoy\.config\.cluster\.v3\.Cluster should/,
  );
});

void test('fields and cases that the type does not have are thrown, not dropped', () => {
  const spread = (fields: object) => ({ name: 'a', ...fields });
  assert.throws(() => encode(RouteSchema, spread({ nmae: 'b' })), /envoy\.config\.route\.v3\.Route has no field nmae/);
  assert.throws(() => encode(RouteSchema, spread({ action: { case: 'rout', value: {} } })), /Route\.action has no case rout/);
});

void test('lengths that are not what they were in the message before', () => {
  const names = [1, 200, 3, 20_000, 2_100_000, 5, 97, 130].map((length) => 'n'.repeat(length));
  for (const name of names) check(RouteSchema, { match: { pathSpecifier: { case: 'prefix', value: name } } });
  check(RouteSchema, { requestHeadersToRemove: names, metadata: { filterMetadata: { a: { text: 'é'.repeat(60), long: 'é'.repeat(600) } } } });
});

void test('what comes after is not touched by what came before', () => {
  const first = encode(RouteSchema, create(RouteSchema, { name: 'first' }));
  const copy = first.slice();
  encode(RouteSchema, create(RouteSchema, { name: 'second' }));
  assert.deepEqual(first, copy);
});
