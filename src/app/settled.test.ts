import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { proxiesSettled } from '#app/settled.ts';
import { typeUrls } from '#envoy/type-url.ts';
import { Ledger } from '#xds/server/ledger.ts';

const clock = { nowMs: () => 0, monotonicMs: () => 0, after: () => () => {} };
const [gateway, sidecar] = [{}, {}];

function start() {
  const ledger = new Ledger(clock);
  ledger.connected(gateway, 'gateway', 'sotw');
  ledger.connected(sidecar, 'sidecar', 'sotw');
  let settled = false;
  const turns = async (count: number): Promise<boolean> => {
    for (let left = count; left > 0; left--) await turn();
    return settled;
  };
  return { ledger, turns, wait: () => void proxiesSettled(ledger, clock, 1_000).then(() => (settled = true)) };
}

test('nothing under way is settled at once; what was sent is when it is taken or refused', async () => {
  const { ledger, turns, wait } = start();
  ledger.sent(gateway, 'gateway', typeUrls.endpoint, '1');
  wait();
  assert.equal(await turns(5), false);
  ledger.acked(gateway, 'gateway', typeUrls.endpoint, '1', 1, []);
  assert.equal(await turns(5), true);
});

test('a proxy that has not been told yet is waited for, though others have answered', async () => {
  const { ledger, turns, wait } = start();
  ledger.isTelling = true;
  wait();
  ledger.sent(sidecar, 'sidecar', typeUrls.endpoint, '1');
  ledger.acked(sidecar, 'sidecar', typeUrls.endpoint, '1', 1, []);
  assert.equal(await turns(5), false);
  ledger.sent(gateway, 'gateway', typeUrls.endpoint, '1');
  ledger.isTelling = false;
  assert.equal(await turns(5), false);
  ledger.acked(gateway, 'gateway', typeUrls.endpoint, '1', 1, []);
  assert.equal(await turns(5), true);
});
