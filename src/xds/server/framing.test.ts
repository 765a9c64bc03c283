import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { RouteConfigurationSchema } from '#envoy/gen/envoy/config/route/v3/route_pb.js';
import { DeltaDiscoveryResponseSchema, DiscoveryResponseSchema } from '#envoy/gen/envoy/service/discovery/v3/discovery_pb.js';
import { XdsResource } from '#envoy/resource.ts';
import { typeUrls } from '#envoy/type-url.ts';
import { frameDelta, frameSotw, type Push } from '#xds/server/framing.ts';

/** Names around the lengths where a length prefix grows by a byte, and any text in between. */
const names = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(0, 100, 127, 128, 16_300, 16_384, 70_000).map((length) => 'x'.repeat(length)),
);

const resources = fc
  .array(names, { maxLength: 5 })
  .map((list) => list.map((name) => new XdsResource(typeUrls.route, name, RouteConfigurationSchema, create(RouteConfigurationSchema, { name }))));

const pushes: fc.Arbitrary<Push> = fc.record({
  typeUrl: fc.constant(typeUrls.route),
  version: fc.string(),
  nonce: fc.string(),
  resources,
  removed: fc.array(names, { maxLength: 3 }),
});

test('what is framed by hand reads as a DiscoveryResponse', () => {
  fc.assert(
    fc.property(pushes, (push) => {
      const read = fromBinary(DiscoveryResponseSchema, frameSotw(push));
      assert.deepEqual([read.versionInfo, read.typeUrl, read.nonce], [push.version, push.typeUrl, push.nonce]);
      assert.deepEqual(
        read.resources.map(({ typeUrl, value }) => [typeUrl, fromBinary(RouteConfigurationSchema, value).name]),
        push.resources.map(({ typeUrl, name }) => [typeUrl, name]),
      );
      assert.equal(read.$unknown, undefined);
    }),
  );
});

test('what is framed by hand reads as a DeltaDiscoveryResponse', () => {
  fc.assert(
    fc.property(pushes, (push) => {
      const read = fromBinary(DeltaDiscoveryResponseSchema, frameDelta(push));
      assert.deepEqual([read.systemVersionInfo, read.typeUrl, read.nonce], [push.version, push.typeUrl, push.nonce]);
      assert.deepEqual(
        read.resources.map(({ name, version, resource }) => [name, version, resource?.typeUrl, Buffer.from(resource?.value ?? [])]),
        push.resources.map(({ name, version, typeUrl, bytes }) => [name, version, typeUrl, Buffer.from(bytes)]),
      );
      assert.deepEqual(read.removedResources, push.removed);
      assert.equal(read.$unknown, undefined);
    }),
  );
});
