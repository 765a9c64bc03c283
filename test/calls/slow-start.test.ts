// Warm-up: an endpoint that joins gets few requests at first, and its full share when the window is over. On the embedded proxy and on a real Envoy.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson } from '@bufbuild/protobuf';
import { ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { XdsResource } from '#envoy/resource.ts';
import { typeUrls } from '#envoy/type-url.ts';
import { type DataPlane, withLiveProxy } from '#test/calls/live-proxy.ts';
import { KeptCalls } from '#test/support/both-planes.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { listenPorts } from '#test/support/listen-ports.ts';
import { endpoints, listener, routes } from '#test/support/memory-node-source.ts';
import { startReplicas } from '#test/support/replicas.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const windowSeconds = 2;

const warming = new XdsResource(
  typeUrls.cluster,
  'warm',
  ClusterSchema,
  fromJson(ClusterSchema, {
    name: 'warm',
    type: 'EDS',
    eds_cluster_config: { eds_config: { ads: {}, resource_api_version: 'V3' } },
    connect_timeout: '1s',
    round_robin_lb_config: { slow_start_config: { slow_start_window: `${windowSeconds}s` } },
  }),
);

async function run(plane: DataPlane): Promise<void> {
  await using replicas = await startReplicas(2);
  const [, young] = replicas.all;
  const [port = 0] = await listenPorts(1);
  const serve = (ports: readonly number[]) => [listener('warm', port, 'warm'), routes('warm', { warm: 1 }), warming, endpoints('warm', ports)];
  await withLiveProxy(plane, 'sidecar~127.0.0.1~warm.default~default.svc.cluster.local', serve(replicas.ports.slice(0, 1)), async (source) => {
    using calls = new KeptCalls(port);
    const ask = async (count: number): Promise<number> => {
      const before = young?.requests ?? 0;
      for (let call = 0; call < count; call++) await calls.get('/');
      return (young?.requests ?? 0) - before;
    };
    const startMs = performance.now();
    await waitUntil('the first endpoint is warm', () => performance.now() - startMs > windowSeconds * 1000);
    assert.equal(await ask(1), 0);
    source.replace(serve(replicas.ports));
    await waitUntil('the second one is asked', async () => (await ask(1)) > 0, { everyMs: 1 });
    const joinedMs = performance.now();
    const early = await ask(100);
    // A tenth of the other's weight; more only on a machine so slow that the window is half over by now.
    if (performance.now() - joinedMs < (windowSeconds * 1000) / 4) assert.ok(early < 30, `${early} of 100 requests at once`);
    await waitUntil('the second one is warm', () => performance.now() - joinedMs > windowSeconds * 1000 + 100);
    await ask(10);
    const late = await ask(100);
    assert.ok(late >= 48 && late <= 52, `${late} of 100 requests in the end`);
  });
}

void test('an endpoint that joins warms up: embedded proxy', async () => {
  await run({ kind: 'embedded' });
});

envoyTest('an endpoint that joins warms up: Envoy', async (binary) => {
  await run({ kind: 'envoy', binary });
});
