// Random policies and calls: what decide makes of what we compile is what Istio's documentation says, and both proxies do the same.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileConfig } from '#decide/config.ts';
import { decide } from '#decide/decide.ts';
import { canBeLive, liveStage, tryLive } from '#test/authorization/live-stage.ts';
import { isPermitted, randomCalls, randomPolicies } from '#test/authorization/random-policies.ts';
import { decideCall, stageMesh, stageProxy, type TableCase } from '#test/authorization/stage.ts';
import { type DataPlane, withLiveProxy } from '#test/calls/live-proxy.ts';
import { envoyTest } from '#test/support/envoy.ts';

const seed = Number(process.env['HEDDLE_SEED'] ?? 20_260_101);

void test(`random policies are decided as they are documented (seed ${seed})`, () => {
  fc.assert(
    fc.property(randomPolicies, randomCalls, (policies, calls) => {
      const { proxy, resources } = stageProxy(stageMesh({ name: 'random', policies, calls }), { kind: 'redirect' });
      const config = compileConfig(resources);
      assert.ok(config.ok);
      for (const call of calls) {
        const { rbac } = decide(config.value, decideCall(call, proxy));
        assert.equal(rbac?.allowed !== false, isPermitted(policies, call), JSON.stringify(call));
      }
    }),
    { seed, numRuns: 250 },
  );
});

void test(`random policies: embedded proxy (seed ${seed})`, () => checkLive({ kind: 'embedded' }));

envoyTest(`random policies: Envoy (seed ${seed})`, (binary) => checkLive({ kind: 'envoy', binary }));

async function checkLive(plane: DataPlane): Promise<void> {
  const samples = fc.sample(fc.tuple(randomPolicies, randomCalls), { seed, numRuns: 40 });
  const cases = samples.map(([policies, calls], index): TableCase => ({ name: `random ${index}`, policies, calls }));
  await using stage = await liveStage(cases);
  await withLiveProxy(plane, stage.nodeId, stage.resources, async () => {
    for (const live of stage.cases) {
      const { tableCase } = live;
      for (const call of tableCase.calls.filter((one) => canBeLive(tableCase, one))) {
        const title = `${JSON.stringify(tableCase.policies)}: ${JSON.stringify(call)}`;
        assert.equal(await tryLive(live, call), isPermitted(tableCase.policies, call), title);
      }
    }
  });
}
