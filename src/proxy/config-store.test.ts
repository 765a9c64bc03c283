// Listeners that wait, while others of them go live: whoever hands connections over begins as soon as nothing else is missing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromJson, type JsonValue } from '@bufbuild/protobuf';
import { silentLogger } from '#base/logger.ts';
import { ok } from '#base/result.ts';
import { extensions } from '#decide/extension.ts';
import { type Listener, ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import { RouteConfigurationSchema } from '#envoy/gen/envoy/config/route/v3/route_pb.js';
import { ConfigStore } from '#proxy/config-store.ts';
import type { RouteCells } from '#proxy/route-cells.ts';
import { httpChain, listener, type Part, tcpChain } from '#test/support/bootstrap-parts.ts';
import { HandClock } from '#test/support/hand-clock.ts';

// A part is JSON by construction, but for what is left out by `undefined`.
const made = (part: Part): Listener => fromJson(ListenerSchema, JSON.parse(JSON.stringify(part)) as JsonValue, { registry: extensions });

test('a listener that came while another one was about to be opened does not wait for more than that', async () => {
  const opening = Promise.withResolvers<void>();
  const inForce: string[] = [];
  const store = new ConfigStore({
    listeners: {
      apply: async (_message, { name }) => {
        if (name === 'web') await opening.promise;
        inForce.push(name);
        return ok(undefined);
      },
      remove: () => {},
    },
    // What routes are is not asked here.
    routes: { set: () => {} } as unknown as RouteCells,
    clock: new HandClock(),
    logger: silentLogger,
    readFile: () => Buffer.alloc(0),
    secrets: { problem: () => undefined, missing: () => [] },
    onRouteNames: () => {},
    onSecretNames: () => {},
    onChange: () => {},
  });
  const rds = { route_config_name: 'routes', config_source: { ads: {} } };
  await store.updateListeners([made(listener('web', 80, [httpChain([], { route_config: undefined, rds })]))], [], false);
  const routesCame = store.updateRoutes([create(RouteConfigurationSchema, { name: 'routes' })], []);
  await store.updateListeners([made(listener('virtualOutbound', 15001, [tcpChain('passthrough')], { use_original_dst: true }))], [], false);
  assert.deepEqual([inForce, store.warming()], [[], ['web', 'virtualOutbound']]);
  opening.resolve();
  await routesCame;
  assert.deepEqual([inForce, store.warming()], [['web', 'virtualOutbound'], []]);
  store.stop();
});
