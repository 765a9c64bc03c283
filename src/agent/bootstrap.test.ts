import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, createRegistry, fromJson } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { envoyBootstrap } from '#agent/bootstrap.ts';
import { type Bootstrap, BootstrapSchema } from '#envoy/gen/envoy/config/bootstrap/v3/bootstrap_pb.js';
import { Cluster_DiscoveryType } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { NodeSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { ApiConfigSource_ApiType } from '#envoy/gen/envoy/config/core/v3/config_source_pb.js';
import { DownstreamConnectionsConfigSchema } from '#envoy/gen/envoy/extensions/resource_monitors/downstream_connections/v3/downstream_connections_pb.js';
import { HttpProtocolOptionsSchema } from '#envoy/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';

const registry = createRegistry(DownstreamConnectionsConfigSchema, HttpProtocolOptionsSchema);

/** Fields newer than the protos at hand are Envoy's to check, which every test with a real one does. */
const options = { registry, ignoreUnknownFields: true };

function read(xdsTarget: string, xdsMode: 'delta' | 'sotw' = 'delta'): Bootstrap {
  const node = create(NodeSchema, { id: 'sidecar~1.2.3.4~a.b~c', cluster: 'a.b', metadata: { NAMESPACE: 'b' } });
  return fromJson(BootstrapSchema, envoyBootstrap({ node, xdsTarget, xdsMode, adminPort: 15_000 }), options);
}

function controlPlaneAddress(bootstrap: Bootstrap): readonly unknown[] {
  const cluster = bootstrap.staticResources?.clusters[0];
  const identifier = cluster?.loadAssignment?.endpoints[0]?.lbEndpoints[0]?.hostIdentifier;
  const address = identifier?.case === 'endpoint' ? identifier.value.address?.address : undefined;
  if (address?.case !== 'socketAddress') throw new Error('no address');
  return [cluster?.clusterDiscoveryType.value, address.value.address, address.value.portSpecifier.value];
}

test('is a bootstrap in every field, with the node as it will name itself', () => {
  const bootstrap = read('127.0.0.1:15010');
  assert.equal(bootstrap.node?.id, 'sidecar~1.2.3.4~a.b~c');
  assert.deepEqual(bootstrap.node?.metadata, { NAMESPACE: 'b' });
  assert.equal(bootstrap.dynamicResources?.adsConfig?.apiType, ApiConfigSource_ApiType.DELTA_GRPC);
  assert.equal(read('127.0.0.1:15010', 'sotw').dynamicResources?.adsConfig?.apiType, ApiConfigSource_ApiType.GRPC);
});

test('expressions may be as long as rules need', () => {
  const [layer] = read('127.0.0.1:15010').layeredRuntime?.layers ?? [];
  assert.deepEqual(layer?.layerSpecifier, { case: 'staticLayer', value: { 're2.max_program_size.error_level': 32_768 } });
});

test('the limit of connections and switches of the runtime are as the ProxyConfig in the metadata of the node says', () => {
  const PROXY_CONFIG = {
    connectionSettings: { globalDownstreamConnectionLimit: 12 },
    runtimeValues: { 'envoy.reloadable_features.some': 'true', 're2.max_program_size.error_level': '' },
  };
  const node = create(NodeSchema, { id: 'n', metadata: { PROXY_CONFIG } });
  const bootstrap = fromJson(BootstrapSchema, envoyBootstrap({ node, xdsTarget: '127.0.0.1:1', xdsMode: 'delta', adminPort: 1 }), options);
  const [layer] = bootstrap.layeredRuntime?.layers ?? [];
  assert.deepEqual(layer?.layerSpecifier.value, { 'envoy.reloadable_features.some': true });
  const config = bootstrap.overloadManager?.resourceMonitors[0]?.configType.value;
  assert.equal(config && anyUnpack(config, DownstreamConnectionsConfigSchema)?.maxActiveDownstreamConnections, 12n);
});

test('the control plane may be an IPv4 or IPv6 address or a name', () => {
  const { STATIC: fixed, STRICT_DNS: byName } = Cluster_DiscoveryType;
  assert.deepEqual(controlPlaneAddress(read('127.0.0.1:15010')), [fixed, '127.0.0.1', 15_010]);
  assert.deepEqual(controlPlaneAddress(read('[::1]:15010')), [fixed, '::1', 15_010]);
  assert.deepEqual(controlPlaneAddress(read('control.example:443')), [byName, 'control.example', 443]);
});
