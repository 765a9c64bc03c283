import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Clock, systemClock } from '#base/clock.ts';
import { typeUrls } from '#envoy/type-url.ts';
import { Ledger } from '#xds/server/ledger.ts';

function ledgerAt(): { readonly ledger: Ledger; readonly tick: () => void } {
  let nowMs = 1000;
  const clock: Clock = { ...systemClock, nowMs: () => nowMs };
  return {
    ledger: new Ledger(clock),
    tick: () => {
      nowMs += 1;
    },
  };
}

test('a node that comes back on a new stream is one node, and its old stream has no say any more', () => {
  const { ledger, tick } = ledgerAt();
  const [old, now] = [{}, {}];
  ledger.connected(old, 'n', 'delta');
  ledger.sent(old, 'n', typeUrls.route, 'v1');
  tick();
  ledger.connected(now, 'n', 'sotw');
  ledger.sent(now, 'n', typeUrls.route, 'v2');
  ledger.acked(old, 'n', typeUrls.route, 'v1', 1, []);
  ledger.disconnected(old, 'n');
  const node = ledger.node('n');
  assert.deepEqual([node?.connected, node?.mode, node?.connectedAtMs], [true, 'sotw', 1001]);
  assert.deepEqual(node?.types.get(typeUrls.route)?.sent, { version: 'v2', atMs: 1001 });
  assert.equal(node?.types.get(typeUrls.route)?.state, 'pending');
});

test('a refusal stands until everything refused is taken, and is remembered after that', () => {
  const { ledger } = ledgerAt();
  const stream = {};
  const events: string[] = [];
  ledger.onNack(({ nodeId, error }) => events.push(`${nodeId}: ${error}`));
  ledger.connected(stream, 'n', 'delta');
  ledger.sent(stream, 'n', typeUrls.listener, 'v1');
  ledger.nacked(stream, 'n', typeUrls.listener, { version: 'v1', error: 'no', resources: ['a'] }, ['a']);
  ledger.sent(stream, 'n', typeUrls.listener, 'v1');
  ledger.acked(stream, 'n', typeUrls.listener, 'v1', 1, ['a']);
  assert.equal(ledger.node('n')?.types.get(typeUrls.listener)?.state, 'rejected');
  ledger.sent(stream, 'n', typeUrls.listener, 'v2');
  ledger.acked(stream, 'n', typeUrls.listener, 'v2', 2, []);
  const type = ledger.node('n')?.types.get(typeUrls.listener);
  assert.deepEqual([type?.state, type?.nacks, type?.pushes, type?.nacked?.error], ['synced', 1, 3, 'no']);
  assert.deepEqual(events, ['n: no']);
});

test('nodes that left are remembered, but not without end', () => {
  const { ledger, tick } = ledgerAt();
  for (let index = 0; index < 150; index++) {
    const stream = {};
    ledger.connected(stream, `n${index}`, 'delta');
    ledger.disconnected(stream, `n${index}`);
    tick();
  }
  const ids = ledger.nodes().map(({ nodeId }) => nodeId);
  assert.equal(ids.length, 100);
  assert.deepEqual([ids[0], ids.at(-1)], ['n50', 'n149']);
});
