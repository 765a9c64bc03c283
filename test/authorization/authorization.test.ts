// The tables of this folder: a policy beside the calls that it lets in and those that it does not, as Istio documents it; asked of decide, of the
// embedded proxy, and of a real Envoy.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileConfig } from '#decide/config.ts';
import { formatConfigError } from '#decide/config-error.ts';
import { decide } from '#decide/decide.ts';
import type { Decision } from '#decide/decision.ts';
import { canBeLive, liveStage, tryLive } from '#test/authorization/live-stage.ts';
import { decideCall, stageMesh, stageProxy, type TableCase } from '#test/authorization/stage.ts';
import { tables } from '#test/authorization/tables.ts';
import { type DataPlane, withLiveProxy } from '#test/calls/live-proxy.ts';
import { envoyTest } from '#test/support/envoy.ts';

for (const [name, table] of tables) {
  void test(`authorization of ${name}: decide`, async (context) => {
    for (const tableCase of table) await context.test(tableCase.name, () => checkCase(tableCase));
  });

  void test(`authorization of ${name}: embedded proxy`, () => checkLive(table, { kind: 'embedded' }));

  envoyTest(`authorization of ${name}: Envoy`, (binary) => checkLive(table, { kind: 'envoy', binary }));
}

function checkCase(tableCase: TableCase): void {
  const { proxy, resources } = stageProxy(stageMesh(tableCase), { kind: 'redirect' });
  const config = compileConfig(resources);
  if (!config.ok) throw new Error(config.error.map(formatConfigError).join('\n'));
  for (const call of tableCase.calls) {
    const decision = decide(config.value, decideCall(call, proxy));
    const title = JSON.stringify(call);
    assert.equal(isAllowed(decision), call.allowed, `${title}: ${JSON.stringify(decision.rbac)} ${JSON.stringify(decision.outcome)}`);
    if (call.policy !== undefined) assert.equal(decision.rbac?.policy, call.policy, title);
  }
}

/** Denied means denied by rules: anything else that stops a call is a mistake of the stage. */
function isAllowed({ outcome, rbac }: Decision): boolean {
  if (outcome.kind !== 'local-reply') return true;
  assert.equal(rbac?.allowed, false, `stopped by something else: ${outcome.because}`);
  return false;
}

async function checkLive(table: readonly TableCase[], plane: DataPlane): Promise<void> {
  await using stage = await liveStage(table);
  await withLiveProxy(plane, stage.nodeId, stage.resources, async () => {
    for (const live of stage.cases) {
      for (const call of live.tableCase.calls.filter((one) => canBeLive(live.tableCase, one))) {
        assert.equal(await tryLive(live, call), call.allowed, `${live.tableCase.name}: ${JSON.stringify(call)}`);
      }
    }
  });
}
