import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idleMessage, proxyConfigWithoutEffect } from '#api/istio/written-proxy-config.ts';

test('switches of Envoy’s runtime say nothing to the embedded proxy, but for the limit of connections', () => {
  const said = (config: Readonly<Record<string, unknown>>) => proxyConfigWithoutEffect(config).map((idle) => idleMessage(idle.field, idle).message);
  assert.deepEqual(said({ runtimeValues: { 'envoy.reloadable_features.some': 'true' } }), ['runtimeValues has no effect on the embedded proxy']);
  assert.deepEqual(said({ runtimeValues: { 'overload.global_downstream_max_connections': '10' } }), []);
  assert.deepEqual(said({ connectionSettings: { globalDownstreamConnectionLimit: 10, listenerConnectionLimit: 5 } }), [
    'connectionSettings.listenerConnectionLimit has no effect',
  ]);
});
