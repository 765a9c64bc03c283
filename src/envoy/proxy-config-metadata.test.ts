import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectionLimitOf, runtimeFlagsOf } from '#envoy/proxy-config-metadata.ts';

test('the limit of connections is said in three ways, of which the newest counts', () => {
  const limit = (config: unknown) => connectionLimitOf({ PROXY_CONFIG: config });
  const proxyMetadata = { ISTIO_META_GLOBAL_DOWNSTREAM_MAX_CONNECTIONS: '200' };
  const runtimeValues = { 'overload.global_downstream_max_connections': '300' };
  assert.equal(limit({ connectionSettings: { globalDownstreamConnectionLimit: 100 }, proxyMetadata, runtimeValues }), 100);
  assert.equal(limit({ connectionSettings: { globalDownstreamConnectionLimit: 0 }, proxyMetadata, runtimeValues }), 200);
  assert.equal(limit({ proxyMetadata: { ISTIO_META_GLOBAL_DOWNSTREAM_MAX_CONNECTIONS: 'many' }, runtimeValues }), 300);
  assert.equal(limit({ runtimeValues: [] }), undefined);
  assert.equal(limit('nothing'), undefined);
  assert.equal(connectionLimitOf(undefined), undefined);
});

test('switches of the runtime come over the usual ones; an empty one takes these away', () => {
  const runtimeValues = { 'envoy.reloadable_features.some': 'false', other: 'true', text: '1h', limit: 7, usual: '' };
  assert.deepEqual(runtimeFlagsOf({ PROXY_CONFIG: { runtimeValues } }, { usual: 1, kept: 2 }), {
    kept: 2,
    'envoy.reloadable_features.some': false,
    other: true,
    text: '1h',
    limit: '7',
  });
  assert.deepEqual(runtimeFlagsOf(undefined, { kept: 2 }), { kept: 2 });
});
