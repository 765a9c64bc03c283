// One subscription over several streams.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { silentLogger } from '#base/logger.ts';
import { ok } from '#base/result.ts';
import { RouteConfigurationSchema } from '#envoy/gen/envoy/config/route/v3/route_pb.js';
import { DeltaDiscoveryRequestSchema, DeltaDiscoveryResponseSchema } from '#envoy/gen/envoy/service/discovery/v3/discovery_pb.js';
import { typeUrls } from '#envoy/type-url.ts';
import { TypeSubscriber } from '#xds/client/type-subscriber.ts';

const response = (nonce: string, version: string): Uint8Array => {
  const value = toBinary(RouteConfigurationSchema, create(RouteConfigurationSchema, { name: 'a' }));
  const resources = [{ name: 'a', version, resource: { typeUrl: typeUrls.route, value } }];
  return toBinary(DeltaDiscoveryResponseSchema, create(DeltaDiscoveryResponseSchema, { typeUrl: typeUrls.route, nonce, resources }));
};

const ackOf = (nonce: string): Uint8Array =>
  toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, { typeUrl: typeUrls.route, responseNonce: nonce }));

test('what a lost stream brought is taken in full before the next stream brings it again', async () => {
  const gate = Promise.withResolvers<void>();
  const order: string[] = [];
  const handler = async () => {
    order.push('begin');
    await gate.promise;
    order.push('end');
    return ok(undefined);
  };
  const subscriber = TypeSubscriber.create(typeUrls.route, 'delta', ['a'], handler, silentLogger);
  const first = subscriber.receive(response('1', 'same'));
  const again = subscriber.receive(response('1', 'same'));
  assert.deepEqual(order, ['begin']);
  gate.resolve();
  assert.deepEqual([await first, await again], [ackOf('1'), ackOf('1')]);
  assert.deepEqual(order, ['begin', 'end']);
  await subscriber.receive(response('2', 'other'));
  assert.deepEqual(order, ['begin', 'end', 'begin', 'end']);
});
