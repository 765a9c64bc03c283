import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, type JsonObject } from '@bufbuild/protobuf';
import { runProxyProcess } from '#app/proxy-process.ts';
import { drainOf } from '#app/proxy-process-options.ts';
import { NodeSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';

const node = 'sidecar~10.0.0.1~hello-v1.default~default.svc.cluster.local';

async function refusal(options: Parameters<typeof runProxyProcess>[0]): Promise<readonly string[]> {
  const said: string[] = [];
  assert.equal(await runProxyProcess(options, (line) => said.push(line)), 2);
  return said;
}

void test('a token and roots go together, and with --xds', async () => {
  const withXds = { xds: '127.0.0.1:1', nodeId: node };
  assert.match((await refusal({ ...withXds, tokenFile: 'a' })).join(), /--token-file needs --ca-roots FILE/);
  assert.match((await refusal({ ...withXds, rootsFile: 'a' })).join(), /--ca-roots needs --token-file FILE/);
  assert.match((await refusal({ bootstrapFile: 'a', tokenFile: 'a' })).join(), /go with --xds/);
});

void test('without a token it says in one line that it has no identity', async () => {
  const said = await refusal({ xds: '127.0.0.1:1', nodeId: node, adminPort: 'none' });
  assert.deepEqual(said, [
    'no --token-file: this proxy has no identity, so it takes and calls nothing by mutual TLS',
    '--admin-port none is no port',
  ]);
});

void test('how long a proxy drains is as its ProxyConfig says', () => {
  const drain = (config: JsonObject) =>
    drainOf({ kind: 'xds', target: '127.0.0.1:1', node: create(NodeSchema, { id: node, metadata: { PROXY_CONFIG: config } }) });
  assert.deepEqual(drain({ terminationDrainDuration: '20s', drainDuration: '1m' }), { drainMs: 20_000, listenerDrainMs: 60_000 });
  assert.deepEqual(drain({ terminationDrainDuration: 'soon' }), { listenerDrainMs: 45_000 });
  assert.deepEqual(drain({}), { listenerDrainMs: 45_000 });
});

void test('a proxy that joins a group says what is wrong with it, and with a probe that does not ask', async () => {
  const withXds = { xds: '127.0.0.1:1', nodeId: node };
  assert.match((await refusal({ ...withXds, workloadGroupFile: '/nowhere/group.yaml' })).join(), /ENOENT.*group\.yaml/);
  assert.match((await refusal({ bootstrapFile: 'a', workloadGroupFile: 'a' })).join(), /go with --xds/);
  const metadata = JSON.stringify({ PROXY_CONFIG: { readinessProbe: { periodSeconds: 3 } } });
  assert.match((await refusal({ ...withXds, metadata })).join(), /PROXY_CONFIG\.readinessProbe does not say how to ask/);
});
