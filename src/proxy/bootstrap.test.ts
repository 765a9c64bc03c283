import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readBootstrap } from '#proxy/bootstrap.ts';
import { parseBootstrap } from '#proxy/bootstrap-text.ts';

async function read(text: string) {
  const message = await parseBootstrap(text, 'b.yaml');
  return message.ok ? readBootstrap(message.value) : { ok: false as const, error: [message.error] };
}

const limit = 'type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig';

test('YAML with anchors and JSON give the same', async () => {
  const yaml = await read(`
x: &address {socket_address: {address: 127.0.0.1, port_value: 9}}
`);
  assert.ok(!yaml.ok && yaml.error[0]?.includes('"x" is unknown'));
  const one = await read('node: {id: a, metadata: {K: [1, "2"]}}\nadmin: {address: {socketAddress: {address: 127.0.0.1, portValue: 9}}}\n');
  const two = await read(
    '{"node": {"id": "a", "metadata": {"K": [1, "2"]}}, "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 9}}}}',
  );
  assert.ok(one.ok && two.ok);
  assert.deepEqual(one.value, two.value);
  assert.deepEqual(one.value.admin, { address: '127.0.0.1', port: 9 });
});

test('ADS by cluster, delta and state of the world', async () => {
  const config = (type: string): string =>
    `dynamic_resources: {lds_config: {ads: {}, resource_api_version: V3}, cds_config: {ads: {}}, ads_config: {api_type: ${type}, grpc_services: [{envoy_grpc: {cluster_name: xds}}]}}`;
  const delta = await read(config('DELTA_GRPC'));
  assert.ok(delta.ok && delta.value.wantsClusters && delta.value.wantsListeners);
  assert.deepEqual(delta.value.ads, { mode: 'delta', target: { kind: 'cluster', name: 'xds' } });
  const sotw = await read(config('GRPC'));
  assert.ok(sotw.ok && sotw.value.ads?.mode === 'sotw');
  const rest = await read(config('REST'));
  assert.ok(!rest.ok && /ads_config\.api_type: REST is not supported/.test(rest.error.join()));
});

test('fields without effect are told, fields that are not built are errors, all at once', async () => {
  const fine = await read('layered_runtime: {layers: [{name: a, static_layer: {}}]}\nstats_flush_interval: 5s\n');
  assert.ok(fine.ok);
  assert.deepEqual(fine.value.withoutEffect.toSorted(), ['layered_runtime', 'stats_flush_interval']);
  const wrong = await read('header_prefix: x-y\nflags_path: /x\ndynamic_resources: {cds_config: {path_config_source: {path: /x}}}\n');
  assert.ok(!wrong.ok);
  assert.deepEqual(wrong.error.toSorted(), [
    'dynamic_resources.cds_config.path_config_source: is not supported, only ads is',
    'flags_path: is not supported by this proxy',
    'header_prefix: is not supported by this proxy',
  ]);
});

test('the limit of connections comes from the overload manager', async () => {
  const limited = await read(
    `overload_manager: {resource_monitors: [{name: c, typed_config: {"@type": ${limit}, max_active_downstream_connections: 7}}]}`,
  );
  assert.ok(limited.ok && limited.value.connectionLimit === 7);
  const none = await read('node: {id: a}');
  assert.ok(none.ok && none.value.connectionLimit === Number.POSITIVE_INFINITY);
});

test('of the cluster manager, addresses to bind to are used, and the rest is told to have no effect', async () => {
  const bound = await read(
    'cluster_manager: {local_cluster_name: a, upstream_bind_config: {source_address: {address: 10.0.0.7, port_value: 0}, extra_source_addresses: [{address: {address: "fd00::7", port_value: 0}}]}}',
  );
  assert.ok(bound.ok);
  assert.deepEqual(bound.value.sourceAddresses, ['10.0.0.7', 'fd00::7']);
  assert.deepEqual(bound.value.withoutEffect, ['cluster_manager.local_cluster_name']);
  const none = await read('node: {id: a}');
  assert.ok(none.ok && none.value.sourceAddresses.length === 0);
});
