// Random AuthorizationPolicies from their YAML to the verdict: what decide says of a call, the embedded proxy does, and Envoy does.
// HEDDLE_CASES asks for more cases than a test run takes, HEDDLE_SEED for others; the seed is in the title of a failure.
import assert from 'node:assert/strict';
import { compileConfig } from '#decide/config.ts';
import { formatConfigError } from '#decide/config-error.ts';
import { decide } from '#decide/decide.ts';
import { liveStage, tryLive } from '#test/authorization/live-stage.ts';
import { randomTables } from '#test/authorization/random-tables.ts';
import { decideCall, stageMesh, stageProxy, type TableCase } from '#test/authorization/stage.ts';
import { type DataPlane, withLiveProxy } from '#test/calls/live-proxy.ts';
import { envoyTest } from '#test/support/envoy.ts';

const firstSeed = Number(process.env['HEDDLE_SEED'] ?? 20_260_101);
const cases = Number(process.env['HEDDLE_CASES'] ?? 300);
const [tablesEach, callsEach] = [20, 15];
const casesEach = tablesEach * callsEach;

const met = { allowed: 0, denied: 0 };

for (let batch = 0; batch * casesEach < cases; batch++) {
  const seed = firstSeed + batch * 1000;
  envoyTest(`random AuthorizationPolicies: decide, Envoy and the embedded proxy agree (seed ${seed}, ${casesEach} cases)`, (binary) =>
    compareOn(seed, binary),
  );
}

envoyTest('the random AuthorizationPolicies let some in and others not', async () => {
  await Promise.resolve();
  assert.ok(met.allowed > cases / 10 && met.denied > cases / 5, JSON.stringify(met));
});

async function compareOn(seed: number, binary: string): Promise<void> {
  const tables = randomTables(seed, tablesEach, callsEach);
  const ours = await verdictsOf(tables, { kind: 'embedded' });
  const theirs = await verdictsOf(tables, { kind: 'envoy', binary });
  const differing = tables.flatMap(({ name, policies, calls }, index) =>
    calls.flatMap((call, at) => {
      const [decided, own, real] = [decidedOf(tables[index])[at], ours[index]?.[at], theirs[index]?.[at]];
      if (own === true) met.allowed++;
      else met.denied++;
      if (decided === own && own === real) return [];
      return [
        `${name}: decided ${String(decided)}, embedded ${String(own)}, Envoy ${String(real)}\n  ${JSON.stringify(call)}\n  ${JSON.stringify(policies)}`,
      ];
    }),
  );
  assert.equal(differing.slice(0, 5).join('\n'), '', `seed ${seed}: ${differing.length} of ${casesEach} differ`);
}

async function verdictsOf(tables: readonly TableCase[], plane: DataPlane): Promise<readonly (readonly boolean[])[]> {
  await using stage = await liveStage(tables);
  const verdicts: boolean[][] = [];
  await withLiveProxy(plane, stage.nodeId, stage.resources, async () => {
    for (const live of stage.cases) {
      const own: boolean[] = [];
      for (const call of live.tableCase.calls) own.push(await tryLive(live, call));
      verdicts.push(own);
    }
  });
  return verdicts;
}

const remembered = new WeakMap<TableCase, readonly boolean[]>();

function decidedOf(table: TableCase | undefined): readonly boolean[] {
  if (table === undefined) return [];
  const known = remembered.get(table);
  if (known !== undefined) return known;
  const { proxy, resources } = stageProxy(stageMesh(table), { kind: 'redirect' });
  const config = compileConfig(resources);
  if (!config.ok) throw new Error(config.error.map(formatConfigError).join('\n'));
  const verdicts = table.calls.map((call) => {
    const asked = decideCall(call, proxy);
    // Live, everything is on this machine.
    const connection = { ...asked.connection, destinationAddress: '127.0.0.1' };
    return decide(config.value, { ...asked, connection }).outcome.kind !== 'local-reply';
  });
  remembered.set(table, verdicts);
  return verdicts;
}
