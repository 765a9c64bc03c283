// The tables of calls beside the goldens, run four ways: decide, explain, the embedded proxy and a real Envoy, both live on 127.0.0.1 and
// steered by our xDS. All must agree on status, cluster, endpoint, path and host, and both proxies on the headers they send on and back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Config, compileConfig } from '#decide/config.ts';
import { formatConfigError } from '#decide/config-error.ts';
import type { ResourceSet } from '#envoy/resource.ts';
import { Backends } from '#test/calls/backends.ts';
import { callsOf, type TableCall, titleOf } from '#test/calls/call-table.ts';
import { assertExpected, assertExplained, decisionsFor } from '#test/calls/decided.ts';
import { comparable, type LiveAnswer, type LiveCall, runLive } from '#test/calls/live-calls.ts';
import { type DataPlane, withLiveProxy } from '#test/calls/live-proxy.ts';
import { onLoopback, startBackends } from '#test/calls/on-loopback.ts';
import { populate } from '#test/calls/populate.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { type CompiledCase, type CompiledProxy, compileCase, goldenCases } from '#test/support/golden-case.ts';
import { listenPorts } from '#test/support/listen-ports.ts';

for (const goldenCase of goldenCases()) {
  if (callsOf(goldenCase).length === 0) continue;
  // Read anew where they are made: the times in their tokens are from then.
  const calls = () => callsOf(goldenCase);
  const title = `${goldenCase.area}/${goldenCase.name}`;
  const compiled = compileCase(goldenCase);

  void test(`calls of ${title}: decide`, () => {
    for (const call of calls()) {
      const { config, proxy } = callerOf(compiled, call);
      assertExpected(call.expect, decisionsFor(config, compiled.mesh, proxy, call), titleOf(call));
    }
  });

  void test(`calls of ${title}: explain`, () => {
    for (const call of calls()) {
      const { config, proxy } = callerOf(compiled, call);
      assertExplained(config, compiled.mesh, proxy, call);
    }
  });

  void test(`calls of ${title}: embedded proxy`, async () => {
    await runAll(compiled, calls(), [{ kind: 'embedded' }]);
  });

  envoyTest(`calls of ${title}: Envoy, and as the embedded proxy`, async (binary) => {
    await runAll(compiled, calls(), [{ kind: 'envoy', binary }, { kind: 'embedded' }]);
  });
}

function callerOf(compiled: CompiledCase, { from }: TableCall): Caller {
  const caller = compiled.proxies.find(({ proxy, mode }) => mode === 'redirect' && `${proxy.name}.${proxy.namespace}` === from);
  if (caller === undefined) throw new Error(`no pod ${from} is in the golden`);
  return { ...caller, config: configOf(caller.compiled.resources) };
}

type Caller = CompiledProxy & { readonly config: Config };

function configOf(resources: ResourceSet): Config {
  const config = compileConfig(resources);
  if (!config.ok) throw new Error(config.error.map(formatConfigError).join('\n'));
  return config.value;
}

/** Each caller's proxy once per data plane; then what they did is compared. */
async function runAll(compiled: CompiledCase, calls: readonly TableCall[], planes: readonly DataPlane[]): Promise<void> {
  for (const [from, rows] of Map.groupBy(calls, (call) => call.from)) {
    const [first] = rows;
    if (first === undefined) continue;
    const { proxy, compiled: told } = callerOf(compiled, first);
    const populated = populate(told.resources, rows);
    const config = configOf(populated);
    const live = rows.map((call): LiveCall => ({ call, decisions: decisionsFor(config, compiled.mesh, proxy, call) }));
    await using backends = new Backends();
    const backendPorts = await startBackends(populated, backends);
    const seen: (readonly LiveAnswer[])[] = [];
    for (const plane of planes) {
      const listenerPorts = await portsFor(live);
      await withLiveProxy(plane, proxy.nodeId, onLoopback(populated, listenerPorts, backendPorts), async () => {
        seen.push(await runLive(live, listenerPorts, compiled.certificates));
      });
    }
    assertAlike(rows, seen, from);
  }
}

async function portsFor(live: readonly LiveCall[]): Promise<ReadonlyMap<string, number>> {
  const names = [...new Set(live.flatMap(({ decisions }) => decisions.flatMap(({ listener }) => listener ?? [])))];
  const ports = await listenPorts(names.length);
  return new Map(names.map((name, index) => [name, ports[index] ?? 0]));
}

function assertAlike(rows: readonly TableCall[], [one, other]: readonly (readonly LiveAnswer[])[], from: string): void {
  if (one === undefined || other === undefined) return;
  assert.equal(one.length, other.length, from);
  for (const [index, answer] of one.entries()) {
    const counterpart: LiveAnswer | undefined = other[index];
    const row = rows[index];
    if (counterpart !== undefined && row !== undefined) assert.deepEqual(comparable(counterpart), comparable(answer), titleOf(row));
  }
}
