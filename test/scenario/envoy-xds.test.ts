// A real Envoy on our xDS server, with hand-made resources, in both protocols: it takes everything, warms and drops clusters without
// losing a request, refuses what is wrong and says so in the ledger, and outlives a restart of the server.
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { systemClock } from '#base/clock.ts';
import { silentLogger } from '#base/logger.ts';
import type { XdsResource } from '#envoy/resource.ts';
import { typeUrls } from '#envoy/type-url.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { freePort } from '#test/support/free-port.ts';
import { httpCall } from '#test/support/http-call.ts';
import { type LocalEnvoy, localEnvoy } from '#test/support/local-envoy.ts';
import { cluster, endpoints, listener, MemoryNodeSource, routes } from '#test/support/memory-node-source.ts';
import { waitUntil } from '#test/support/wait-until.ts';
import { startXdsServer, type XdsServer } from '#xds/server/server.ts';

const nodeId = 'sidecar~127.0.0.1~hello-v1-0.default~default.svc.cluster.local';

async function serve(source: MemoryNodeSource, port = 0): Promise<XdsServer & AsyncDisposable> {
  const started = await startXdsServer({ source, address: '127.0.0.1', port, logger: silentLogger, clock: systemClock });
  if (!started.ok) throw new Error(started.error.reason);
  return { ...started.value, [Symbol.asyncDispose]: started.value.close };
}

async function backend(answer: string): Promise<{ readonly port: number } & AsyncDisposable> {
  const server: Server = createServer((_request, response) => response.end(answer));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no address');
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()));
  return { port: address.port, [Symbol.asyncDispose]: close };
}

/** Every type taken, nothing refused, nothing waiting. */
async function assertHealthy({ stats, configDump }: LocalEnvoy): Promise<void> {
  for (const [name, value] of await stats('update_rejected|warming_clusters|listeners_warming')) assert.equal(value, 0, name);
  assert.doesNotMatch(await configDump(), /error_state/);
}

async function synced({ ledger }: XdsServer): Promise<void> {
  const types = () => [...(ledger.node(nodeId)?.types.values() ?? [])];
  try {
    await waitUntil('all types synced', () => types().length >= 4 && types().every(({ state }) => state === 'synced'));
  } catch (error) {
    throw new Error(JSON.stringify(types(), null, 2), { cause: error });
  }
}

for (const mode of ['delta', 'sotw'] as const) {
  envoyTest(`Envoy, ${mode}: comes up, follows every change without losing a request, and outlives the server`, async (binary) => {
    await using one = await backend('one');
    await using two = await backend('two');
    const port = await freePort();
    const source = new MemoryNodeSource();
    const common = [listener('l', port, 'r')];
    source.replace([...common, cluster('a'), cluster('b'), endpoints('a', [one.port]), endpoints('b', [two.port]), routes('r', { a: 1 })]);
    const first = await serve(source);
    await using envoy = await localEnvoy({ binary, xdsTarget: `127.0.0.1:${first.port}`, xdsMode: mode, nodeId });
    await envoy.envoy.ready;
    await synced(first);
    await assertHealthy(envoy);
    assert.equal((await httpCall({ port })).body, 'one');

    // A changed cluster is warmed anew, with the endpoints it had before.
    source.replace([...common, cluster('a', 3000), cluster('b'), endpoints('a', [one.port]), endpoints('b', [two.port]), routes('r', { a: 1 })]);
    await waitUntil('the changed cluster is in use', async () => /"connect_timeout": "3s"/.test(await envoy.configDump()));
    await synced(first);
    await assertHealthy(envoy);

    // A cluster comes and another goes while requests flow: none may see the gap.
    let stop = false;
    const statuses = new Map<number, number>();
    const load = (async () => {
      while (!stop) {
        const { status } = await httpCall({ port });
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    })();
    try {
      for (let round = 0; round < 10; round++) {
        const name = `c${round}`;
        source.replace([...common, cluster(name), endpoints(name, [two.port]), routes('r', { [name]: 1 })]);
        // Every other change comes while the one before is still on its way.
        if (round % 2 === 1) await synced(first);
        else await new Promise(setImmediate);
      }
    } finally {
      stop = true;
      await load;
    }
    assert.deepEqual([...statuses.keys()], [200]);
    await synced(first);
    await assertHealthy(envoy);

    // The server goes; Envoy serves on; a new server with the same state has nothing to send.
    await first.close();
    assert.equal((await httpCall({ port })).body, 'two');
    await using second = await serve(source, first.port);
    await synced(second);
    for (const type of second.ledger.node(nodeId)?.types.values() ?? []) assert.equal(type.pushes, 0, type.typeUrl);
    source.replace([...common, cluster('c9'), endpoints('c9', [one.port]), routes('r', { c9: 1 })]);
    await waitUntil('the endpoint moved', async () => (await httpCall({ port })).body === 'one');
    await assertHealthy(envoy);
  });

  envoyTest(`Envoy, ${mode}: refuses one listener and keeps the rest, until the listener is mended`, async (binary) => {
    await using one = await backend('one');
    const [goodPort, badPort] = [await freePort(), await freePort()];
    const source = new MemoryNodeSource();
    const rest = (good: XdsResource) => [good, cluster('a'), endpoints('a', [one.port]), routes('r', { a: 1 })];
    // Envoy wants a listener to have at least one filter chain or a listener filter that decides.
    source.replace([...rest(listener('good', goodPort, 'r')), listener('bad', badPort, 'r', { filterChains: [] })]);
    await using server = await serve(source);
    await using envoy = await localEnvoy({ binary, xdsTarget: `127.0.0.1:${server.port}`, xdsMode: mode, nodeId });
    const listeners = () => server.ledger.node(nodeId)?.types.get(typeUrls.listener);
    await waitUntil('the refusal', () => listeners()?.nacked !== undefined);
    assert.deepEqual(listeners()?.rejected, ['bad']);
    assert.match(listeners()?.nacked?.error ?? '', /bad/);
    await envoy.envoy.ready;
    await waitUntil('the good listener serves', async () => (await httpCall({ port: goodPort })).body === 'one');
    const nacks = listeners()?.nacks;
    source.replace([...rest(listener('good', goodPort, 'r')), listener('bad', badPort, 'r')]);
    await waitUntil('the mended listener serves', async () => (await httpCall({ port: badPort })).body === 'one');
    await synced(server);
    assert.equal(listeners()?.nacks, nacks);
  });
}

envoyTest('an Envoy that crashes is started again; one that is told to drain ends its requests and stays away', async (binary) => {
  const source = new MemoryNodeSource();
  const port = await freePort();
  let release = () => {};
  const slow = createServer((_request, response) => {
    release = () => response.end('at last');
  });
  await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
  const address = slow.address();
  if (typeof address !== 'object' || address === null) throw new Error('no address');
  source.replace([listener('l', port, 'r'), cluster('a'), endpoints('a', [address.port]), routes('r', { a: 1 })]);
  await using server = await serve(source);
  const crashes: (string | null)[] = [];
  await using local = await localEnvoy({ binary, xdsTarget: `127.0.0.1:${server.port}`, nodeId, onCrash: ({ signal }) => crashes.push(signal) });
  await local.envoy.ready;
  const firstPid = local.envoy.pid();
  assert.ok(firstPid !== undefined);
  process.kill(firstPid, 'SIGKILL');
  await waitUntil('a new Envoy serves', async () => {
    const pid = local.envoy.pid();
    return pid !== undefined && pid !== firstPid && (await local.stats('lds.update_success')).size > 0;
  });
  assert.deepEqual(crashes, ['SIGKILL']);
  await synced(server);
  const answer = waitUntil('the listener is back', () => httpCall({ port }));
  await waitUntil('the request is under way', async () => [...(await local.stats('cluster.a.upstream_rq_active')).values()][0] === 1);
  const drained = local.envoy.drain();
  await waitUntil('draining has begun', async () => [...(await local.stats('^server.state$')).values()].length === 1);
  release();
  assert.equal((await answer).body, 'at last');
  await drained;
  assert.equal(local.envoy.pid(), undefined);
  slow.close();
});
