import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { Watchdog } from '#runtime/watchdog.ts';
import { waitUntil } from '#test/support/wait-until.ts';

test('ends the groups on its list when it is let go, also one that ignores SIGTERM, and no other', async () => {
  const watchdog = new Watchdog();
  const sleeper = (script: string) => spawn('/bin/sh', ['-c', script], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
  const children = [sleeper('echo up; sleep 60'), sleeper("trap '' TERM; echo up; while :; do sleep 1; done"), sleeper('echo up; sleep 60')];
  const [gentle, stubborn, dropped] = children;
  assert.ok(gentle?.pid !== undefined && stubborn?.pid !== undefined && dropped?.pid !== undefined);
  const exits = children.map((child) => once(child, 'exit'));
  await Promise.all(children.map(async (child) => child.stdout !== null && (await once(child.stdout, 'data'))));
  for (const pid of [gentle.pid, stubborn.pid, dropped.pid]) watchdog.add(pid);
  watchdog.drop(dropped.pid);
  await watchdog[Symbol.asyncDispose]();
  assert.deepEqual((await exits[0])?.[1], 'SIGTERM');
  assert.deepEqual((await exits[1])?.[1], 'SIGKILL');
  assert.equal(dropped.exitCode ?? dropped.signalCode, null);
  process.kill(-dropped.pid, 'SIGKILL');
  await exits[2];
});

test('a watchdog that somebody kills is there again, with all groups on its list', async () => {
  const watchdog = new Watchdog();
  const child = spawn('/bin/sh', ['-c', 'echo up; sleep 60'], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
  assert.ok(child.pid !== undefined);
  const exit = once(child, 'exit');
  await once(child.stdout, 'data');
  watchdog.add(child.pid);
  const first = watchdog.pid;
  assert.ok(first !== undefined);
  process.kill(first, 'SIGKILL');
  await waitUntil('another one', () => watchdog.pid !== first);
  await watchdog[Symbol.asyncDispose]();
  assert.equal((await exit)[1], 'SIGTERM');
});
