// The two data planes against each other: random meshes of VirtualServices and DestinationRules, compiled once, and the same calls through the
// embedded proxy and through Envoy. Status, backend, what the backend and the client see, and the flag of a failure must be equal.
// HEDDLE_CASES asks for more cases than a test run takes; the seed is in the title of a failure.
import assert from 'node:assert/strict';
import { readText } from '#api/read-text.ts';
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import { type Config, compileConfig } from '#decide/config.ts';
import { formatConfigError } from '#decide/config-error.ts';
import { buildMesh } from '#model/build/mesh.ts';
import { proxyForWorkload } from '#model/proxy-for-workload.ts';
import { nextSnapshot } from '#sources/next-snapshot.ts';
import { Backends } from '#test/calls/backends.ts';
import { titleOf } from '#test/calls/call-table.ts';
import { decisionsFor } from '#test/calls/decided.ts';
import { comparable, type LiveAnswer, type LiveCall, runLive } from '#test/calls/live-calls.ts';
import { type DataPlane, withLiveProxy } from '#test/calls/live-proxy.ts';
import { onLoopback, startBackends } from '#test/calls/on-loopback.ts';
import { randomMesh } from '#test/calls/random-mesh.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { listenPorts } from '#test/support/listen-ports.ts';

const firstSeed = Number(process.env['HEDDLE_SEED'] ?? 20_260_101);
const cases = Number(process.env['HEDDLE_CASES'] ?? 300);
const [servicesEach, callsEach] = [20, 15];
const casesEach = servicesEach * callsEach;

const met = new Map<string, number>();

for (let batch = 0; batch * casesEach < cases; batch++) {
  const seed = firstSeed + batch * 1000;
  envoyTest(`random meshes: Envoy and the embedded proxy do the same (seed ${seed}, ${casesEach} cases)`, (binary) => compareOn(seed, binary));
}

envoyTest('the random cases met backends, redirects and failures', async () => {
  await Promise.resolve();
  const [backend = 0, redirected = 0, failed = 0] = ['backend', '3xx', '5xx'].map((kind) => met.get(kind));
  assert.ok(backend > cases / 4 && redirected > 0 && failed > 0, JSON.stringify([...met]));
});

async function compareOn(seed: number, binary: string): Promise<void> {
  const { text, calls } = randomMesh(seed, servicesEach, callsEach);
  const reading = readText('random.yaml', text);
  const refused = reading.items.flatMap(({ diagnostics }) => diagnostics.filter(({ severity }) => severity === 'error'));
  assert.deepEqual(refused, [], `seed ${seed}`);
  const mesh = buildMesh(
    nextSnapshot(
      undefined,
      reading.items.flatMap(({ resource }) => resource ?? []),
      [],
    ),
  );
  const workload = mesh.workloads.get('default/client');
  assert.ok(workload);
  const proxy = { ...proxyForWorkload(mesh, workload, { kind: 'redirect' }), explainFailures: true };
  const { resources } = new MeshCompiler(mesh).compile(proxy);
  const compiled = compileConfig(resources);
  assert.ok(compiled.ok, compiled.ok ? '' : compiled.error.map(formatConfigError).join('\n'));
  const config: Config = compiled.value;
  const live = calls.map((call): LiveCall => ({ call, decisions: decisionsFor(config, mesh, proxy, call) }));
  await using backends = new Backends();
  const backendPorts = await startBackends(resources, backends);
  const planes: readonly DataPlane[] = [{ kind: 'embedded' }, { kind: 'envoy', binary }];
  const seen: (readonly LiveAnswer[])[] = [];
  for (const plane of planes) {
    const [port = 0] = await listenPorts(1);
    const listeners = new Map([['0.0.0.0_80', port]]);
    await withLiveProxy(plane, proxy.nodeId, onLoopback(resources, listeners, backendPorts), async () => {
      seen.push(await runLive(live, listeners));
    });
  }
  const [embedded = [], envoy = []] = seen;
  for (const [index, call] of calls.entries()) {
    const [ours, theirs] = [embedded[index], envoy[index]];
    assert.ok(ours && theirs);
    assert.deepEqual(
      outcome(ours),
      outcome(theirs),
      `seed ${seed}: ${titleOf(call)} ${JSON.stringify(call.request.headers)} ${ours.answer.status} ${ours.answer.body}`,
    );
  }
  for (const { answer, backend } of embedded) count(backend === undefined ? `${Math.floor(answer.status / 100)}xx` : 'backend');
}

/** Random data that meets nothing would prove nothing. */
function count(kind: string): void {
  met.set(kind, (met.get(kind) ?? 0) + 1);
}

/** Which endpoint of several a request meets is left to each proxy, unless its place is decided by a hash. */
function outcome(live: LiveAnswer) {
  const { answer, backend } = live;
  const reply = backend === undefined ? answer.body.split('\n').slice(0, 2) : [];
  const { cluster, method, path, authority } = backend ?? {};
  return { ...comparable(live), cluster, method, path, authority, reply };
}
