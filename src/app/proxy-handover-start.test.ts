// The start of a proxy that takes captured connections: nobody is let in before those listeners are there that connections are handed over to.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonValue } from '@bufbuild/protobuf';
import { proxyParts } from '#app/proxy-parts.ts';
import { systemClock } from '#base/clock.ts';
import { silentLogger } from '#base/logger.ts';
import { extensions } from '#decide/extension.ts';
import { type Listener, ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import { RouteConfigurationSchema } from '#envoy/gen/envoy/config/route/v3/route_pb.js';
import { ConfigStore } from '#proxy/config-store.ts';
import { SecretStore } from '#proxy/tls/secret-store.ts';
import { listener, type Part, tcpChain, typedConfig } from '#test/support/bootstrap-parts.ts';
import { freePort } from '#test/support/free-port.ts';

// A part is JSON by construction.
const made = (part: Part): Listener => fromJson(ListenerSchema, part as JsonValue, { registry: extensions });

test('who hands connections over begins after those who get them, and is changed at once later on', async () => {
  const clock = systemClock;
  const { listeners, routes } = proxyParts({
    logger: silentLogger,
    explainsDenials: false,
    clock,
    random: Math.random,
    fillRandom: () => {},
    secrets: new SecretStore([]),
    connectionLimit: Number.POSITIVE_INFINITY,
    drainMs: 200,
  });
  const store = new ConfigStore({
    listeners,
    routes,
    clock,
    logger: silentLogger,
    readFile: () => Buffer.alloc(0),
    secrets: { problem: () => undefined, missing: () => [] },
    onRouteNames: () => {},
    onSecretNames: () => {},
    onChange: () => {},
  });
  const byRoutes = (name: string): Listener => {
    const rds = { route_config_name: name, config_source: { ads: {} } };
    const manager = typedConfig('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
      stat_prefix: name,
      rds,
      http_filters: [{ name: 'envoy.filters.http.router', typed_config: typedConfig('extensions.filters.http.router.v3.Router') }],
    });
    const filters = [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }];
    return made(listener(name, 80, [{ filters }], { bind_to_port: false }));
  };
  const port = await freePort();
  const virtualOutbound = (cluster: string): Listener => made(listener('virtualOutbound', port, [tcpChain(cluster)], { use_original_dst: true }));
  const inForce = (): readonly string[] => listeners.all().map(({ name }) => name);
  const route = (name: string) => fromJson(RouteConfigurationSchema, { name });
  try {
    assert.deepEqual(await store.updateListeners([virtualOutbound('passthrough'), byRoutes('one'), byRoutes('two')], [], false), []);
    assert.deepEqual(inForce(), []);
    await store.updateRoutes([route('one')], []);
    assert.deepEqual(inForce(), ['one']);
    await store.updateRoutes([route('two')], []);
    assert.deepEqual(inForce(), ['one', 'two', 'virtualOutbound']);
    await store.updateListeners([virtualOutbound('other'), byRoutes('three')], [], false);
    assert.deepEqual(store.warming(), ['three']);
  } finally {
    store.stop();
    await listeners.drain(AbortSignal.abort());
  }
});
