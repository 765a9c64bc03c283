// Our xDS client against a server that shares no code with ours and is not always polite.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { systemClock } from '#base/clock.ts';
import { silentLogger } from '#base/logger.ts';
import { failed, ok } from '#base/result.ts';
import { NodeSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { RouteConfigurationSchema } from '#envoy/gen/envoy/config/route/v3/route_pb.js';
import { typeUrls } from '#envoy/type-url.ts';
import { FakeAdsServer } from '#test/support/fake-ads-server.ts';
import { AdsClient } from '#xds/client/ads-client.ts';
import type { UpdateHandler, Wanted } from '#xds/client/update.ts';

const limit = { timeout: 5000 };

function route(name: string, version: string) {
  const value = toBinary(RouteConfigurationSchema, create(RouteConfigurationSchema, { name }));
  return { name, version, resource: { typeUrl: typeUrls.route, value } };
}

function routesOf(server: FakeAdsServer, names: Wanted, handler: UpdateHandler<typeof typeUrls.route>): AdsClient {
  const node = create(NodeSchema, { id: 'n' });
  const client = new AdsClient({ target: `127.0.0.1:${server.port}`, node, logger: silentLogger, clock: systemClock });
  client.subscribe(typeUrls.route, names, handler);
  return client;
}

test('after a broken stream the client says who it is and what it has', limit, async () => {
  await using server = await FakeAdsServer.start();
  await using _client = routesOf(server, ['a', 'b'], () => ok(undefined));
  const first = await server.next();
  assert.deepEqual([first.node?.id, first.resourceNamesSubscribe, first.initialResourceVersions], ['n', ['a', 'b'], {}]);
  server.send({ typeUrl: typeUrls.route, nonce: '1', resources: [route('a', '1'), route('b', '7')], removedResources: [] });
  const ack = await server.next();
  assert.deepEqual([ack.node, ack.responseNonce, ack.errorDetail], [undefined, '1', undefined]);
  server.send({ typeUrl: typeUrls.route, nonce: '2', removedResources: ['b'] });
  await server.next();
  server.breakStream();
  const again = await server.next();
  assert.deepEqual([again.node?.id, again.resourceNamesSubscribe, again.initialResourceVersions], ['n', ['a', 'b'], { a: '1' }]);
});

test('what is not decodable is refused by name, the rest is taken; what was not asked for is passed over', limit, async () => {
  await using server = await FakeAdsServer.start();
  const seen: string[][] = [];
  await using _client = routesOf(server, ['a', 'b'], ({ updated }) => {
    seen.push([...updated.keys()]);
    return ok(undefined);
  });
  await server.next();
  server.send({ typeUrl: 'type.googleapis.com/some.thing.Else', nonce: '0' });
  const garbage = { name: 'b', version: '1', resource: { typeUrl: typeUrls.route, value: new Uint8Array([10, 200]) } };
  server.send({ typeUrl: typeUrls.route, nonce: '1', resources: [route('a', '1'), garbage, route('stranger', '1')] });
  const answer = await server.next();
  assert.equal(answer.responseNonce, '1');
  assert.match(answer.errorDetail?.message ?? '', /^b: not a RouteConfiguration: /);
  assert.deepEqual(seen, [['a']]);
});

test('the reasons of a handler travel with the names; a fault in the handler is a refusal, not the end', limit, async () => {
  await using server = await FakeAdsServer.start();
  let mood: 'refuse' | 'throw' | 'reject' | 'take' = 'refuse';
  await using _client = routesOf(server, 'all', () => {
    if (mood === 'refuse') return failed([{ resource: 'a', message: 'too long' }, { message: 'tired' }]);
    if (mood === 'throw') throw new Error('a bug');
    return mood === 'reject' ? Promise.reject(new Error('a later bug')) : ok(undefined);
  });
  assert.deepEqual((await server.next()).resourceNamesSubscribe, ['*']);
  const answers: string[] = [];
  for (const next of ['throw', 'reject', 'take', 'take'] as const) {
    server.send({ typeUrl: typeUrls.route, nonce: String(answers.length), resources: [route('a', 'same')] });
    answers.push((await server.next()).errorDetail?.message.split('\n')[0] ?? 'taken');
    mood = next;
  }
  assert.deepEqual(answers, ['a: too long; tired', 'internal error: Error: a bug', 'internal error: Error: a later bug', 'taken']);
});

test('a handler that takes its time holds up what comes after it', limit, async () => {
  await using server = await FakeAdsServer.start();
  const gate = Promise.withResolvers<void>();
  const order: string[] = [];
  await using _client = routesOf(server, ['a', 'b'], async ({ updated }) => {
    const [name = ''] = updated.keys();
    order.push(`begin ${name}`);
    if (name === 'a') await gate.promise;
    order.push(`end ${name}`);
    return ok(undefined);
  });
  await server.next();
  server.send({ typeUrl: typeUrls.route, nonce: '1', resources: [route('a', '1')] });
  server.send({ typeUrl: typeUrls.route, nonce: '2', resources: [route('b', '1')] });
  setImmediate(() => gate.resolve());
  assert.equal((await server.next()).responseNonce, '1');
  assert.equal((await server.next()).responseNonce, '2');
  assert.deepEqual(order, ['begin a', 'end a', 'begin b', 'end b']);
});
