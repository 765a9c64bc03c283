// The tables of connections beside the goldens, run four ways: decide, explain, the embedded proxy and a real Envoy, both live on 127.0.0.1
// and steered by our xDS. All must agree on where the bytes go.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Config, compileConfig } from '#decide/config.ts';
import { formatConfigError } from '#decide/config-error.ts';
import { decide } from '#decide/decide.ts';
import type { Decision } from '#decide/decision.ts';
import { Trace } from '#decide/trace.ts';
import type { ResourceSet } from '#envoy/resource.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Proxy } from '#model/proxy.ts';
import { ByteBackends } from '#test/calls/byte-backends.ts';
import { byteCall } from '#test/calls/byte-call.ts';
import { connectionCall, connectionsOf, isOpen, type TableConnection } from '#test/calls/connection-table.ts';
import { type DataPlane, withLiveProxy } from '#test/calls/live-proxy.ts';
import { onLoopback, startBackends } from '#test/calls/on-loopback.ts';
import { populate } from '#test/calls/populate.ts';
import { startAuthority } from '#test/support/certificates.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { type CompiledCase, compileCase, goldenCases } from '#test/support/golden-case.ts';
import { listenPorts } from '#test/support/listen-ports.ts';

for (const goldenCase of goldenCases()) {
  const rows = connectionsOf(goldenCase);
  if (rows.length === 0) continue;
  const title = `${goldenCase.area}/${goldenCase.name}`;
  const compiled = compileCase(goldenCase);

  void test(`connections of ${title}: decide`, () => {
    for (const row of rows) {
      const { proxy, resources } = endOf(compiled, row);
      assertExpected(row, decisionsFor(configOf(resources), compiled.mesh, proxy, row));
    }
  });

  void test(`connections of ${title}: explain`, () => {
    for (const row of rows) {
      const { proxy, resources } = endOf(compiled, row);
      const config = configOf(resources);
      const call = connectionCall(compiled.mesh, proxy, row, 0.5);
      const trace = new Trace();
      assert.deepEqual(decide(config, call, trace), decide(config, call), row.name);
      assert.ok(trace.steps.length > 0, row.name);
    }
  });

  void test(`connections of ${title}: embedded proxy`, () => runLive(compiled, rows, { kind: 'embedded' }));

  envoyTest(`connections of ${title}: Envoy`, (binary) => runLive(compiled, rows, { kind: 'envoy', binary }));
}

type End = { readonly proxy: Proxy; readonly resources: ResourceSet };

function endOf(compiled: CompiledCase, { from }: TableConnection): End {
  const found = compiled.proxies.find(({ proxy, mode }) => mode === 'redirect' && `${proxy.name}.${proxy.namespace}` === from);
  if (found === undefined) throw new Error(`no pod ${from} is in the golden`);
  return { proxy: found.proxy, resources: found.compiled.resources };
}

function configOf(resources: ResourceSet): Config {
  const config = compileConfig(resources);
  if (!config.ok) throw new Error(config.error.map(formatConfigError).join('\n'));
  return config.value;
}

/** All decisions that differ, as the weights fall. */
function decisionsFor(config: Config, mesh: Mesh, proxy: Proxy, row: TableConnection): readonly Decision[] {
  const found = new Map<string, Decision>();
  for (let percent = 0; percent < 100; percent++) {
    const decision = decide(config, connectionCall(mesh, proxy, row, percent / 100));
    found.set(decision.cluster ?? decision.outcome.kind, decision);
  }
  return [...found.values()];
}

function assertExpected({ name, expect: { subset, closed, ...wanted } }: TableConnection, decisions: readonly Decision[]): void {
  for (const decision of decisions) {
    const { listener, filterChain, cluster } = decision;
    const asked = Object.fromEntries(Object.entries({ listener, filterChain, cluster }).filter(([key]) => key in wanted));
    assert.deepEqual(asked, wanted, name);
    if (closed === true) assert.equal(isOpen(decision), false, `${name}: ${JSON.stringify(decision.outcome)}`);
  }
  if (subset !== undefined) assert.deepEqual(decisions.map(({ cluster }) => cluster?.split('|')[2]).sort(), subset.toSorted(), name);
}

async function runLive(compiled: CompiledCase, rows: readonly TableConnection[], plane: DataPlane): Promise<void> {
  await using authority = await startAuthority();
  const leaf = await authority.issue('backend', ['DNS:backend.test']);
  const live = rows.filter(({ decideOnly }) => decideOnly === undefined);
  for (const ofPod of Map.groupBy(live, ({ from }) => from).values()) {
    const [first] = ofPod;
    if (first === undefined) continue;
    const { proxy, resources: told } = endOf(compiled, first);
    const resources = populate(told, []);
    const config = configOf(resources);
    const decided = ofPod.map((row) => ({ row, decisions: decisionsFor(config, compiled.mesh, proxy, row) }));
    await using backends = new ByteBackends(leaf);
    const backendPorts = await startBackends(resources, backends);
    const names = [...new Set(decided.flatMap(({ decisions }) => decisions.flatMap(({ listener }) => listener ?? [])))];
    const ports = await listenPorts(names.length);
    const listenerPorts = new Map(names.map((name, index) => [name, ports[index] ?? 0]));
    await withLiveProxy(plane, proxy.nodeId, onLoopback(resources, listenerPorts, backendPorts), async () => {
      for (const { row, decisions } of decided) await assertReached(row, decisions, listenerPorts);
    });
  }
}

async function assertReached({ name, connect }: TableConnection, decisions: readonly Decision[], ports: ReadonlyMap<string, number>): Promise<void> {
  const port = ports.get(decisions[0]?.listener ?? '');
  if (port === undefined) throw new Error(`${name}: no listener takes it`);
  const answer = await byteCall(port, connect.serverName);
  const possible = decisions.map((decision) => (isReachable(decision) ? decision.cluster : undefined));
  assert.ok(possible.includes(answer?.cluster), `${name}: reached ${answer?.cluster ?? 'nobody'}, not ${possible.join(' or ')}`);
}

/** A cluster that passes through has a backend of its own here. */
function isReachable(decision: Decision): boolean {
  return isOpen(decision) || decision.cluster === 'PassthroughCluster' || decision.cluster === 'InboundPassthroughCluster';
}
