// How much of what happened is kept.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventLog } from '#app/verbs/event-log.ts';

const happened = (workload: string) => ({ kind: 'ready', workload, afterMs: 1 });

test('of each pod the newest events are kept', () => {
  const log = new EventLog();
  for (let at = 0; at < 100; at++) log.add(happened('default/a'), at);
  assert.equal(log.of('default/a').length, 40);
  assert.equal(log.of('default/a').at(-1)?.atMs, 99);
});

test('pods that come and go under ever new names do not add up: the one that was quiet longest is forgotten', () => {
  const log = new EventLog();
  log.add(happened('default/a'), 0);
  log.add(happened('default/b'), 1);
  for (let at = 2; at < 1_000; at++) log.add(happened(`default/run-${at}`), at);
  log.add(happened('default/a'), 1_000);
  log.add(happened('default/c'), 1_001);
  assert.equal(log.all().length, 1_001);
  assert.deepEqual([log.of('default/a').length, log.of('default/b').length, log.of('default/c').length], [2, 0, 1]);
});
