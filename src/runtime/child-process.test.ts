import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { describeEnd, type ProcessSpec, startAnnouncingProcess, startLocalProcess, startTalkingProcess } from '#runtime/child-process.ts';
import { Watchdog } from '#runtime/watchdog.ts';

/** Runs with what a program needs besides its words. */
async function withProcess(run: (spec: Omit<ProcessSpec, 'command' | 'args'>, watchdog: Watchdog) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-process-'));
  await using watchdog = new Watchdog();
  try {
    await run({ cwd: folder, env: {}, logFile: join(folder, 'app.log') }, watchdog);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What a program comes to that cannot be started at all. */
async function endOf(spec: Partial<ProcessSpec>): Promise<string> {
  let end = '';
  await withProcess(async (usual, watchdog) => {
    for (const start of [startLocalProcess, startAnnouncingProcess]) {
      const running = start({ command: 'true', args: [], ...usual, ...spec }, watchdog);
      assert.deepEqual([running.pid, running.lastLines(3)], [0, []]);
      running.signal('SIGTERM');
      end = describeEnd(await running.ended);
    }
  });
  return end;
}

test('what no program can be started with is an end like others, with the reason', async () => {
  assert.match(await endOf({ command: 'no-such-program-here' }), /^cannot be started: no program no-such-program-here on PATH/);
  assert.equal(await endOf({ args: ['a\0b'] }), 'cannot be started: there is a NUL character in its command or its variables');
  assert.equal(await endOf({ env: { A: 'a\0b' } }), 'cannot be started: there is a NUL character in its command or its variables');
  assert.equal(await endOf({ env: { A: 'x'.repeat(200_000) } }), 'cannot be started: its command and variables are longer than this system takes');
});

test('a folder for logs that somebody has removed ends the program, not us', async () => {
  assert.match(await endOf({ logFile: '/no/such/folder/app.log' }), /^cannot be started: ENOENT: .*\/no\/such\/folder\/app\.log/);
});

test('a process says that it is ready by a pipe behind what it inherits', async () => {
  await withProcess(async (spec, watchdog) => {
    const ready = startAnnouncingProcess({ command: '/bin/sh', args: ['-c', 'echo >&4; exit 2'], ...spec, inherit: [2] }, watchdog);
    await ready.ready;
    assert.deepEqual(await ready.ended, { kind: 'exit', code: 2 });
    const never = startAnnouncingProcess({ command: '/bin/sh', args: ['-c', 'exit 3'], ...spec }, watchdog);
    assert.equal(await Promise.race([never.ready, never.ended.then(describeEnd)]), 'exit code 3');
  });
});

test('messages go both ways, and to nobody once a process has ended', async () => {
  const echo = 'process.on("message", (message) => { process.send({ heard: message }); process.disconnect(); });';
  await withProcess(async (spec, watchdog) => {
    const heard = Promise.withResolvers<unknown>();
    const running = startTalkingProcess({ command: process.execPath, args: ['-e', echo], ...spec }, watchdog, heard.resolve);
    running.send({ said: 1 });
    assert.deepEqual(await heard.promise, { heard: { said: 1 } });
    assert.equal(describeEnd(await running.ended), 'exit code 0');
    running.send({ said: 2 });
    const none = startTalkingProcess({ command: 'no-such-program-here', args: [], ...spec }, watchdog, () => {});
    none.send({ said: 3 });
    assert.match(describeEnd(await none.ended), /^cannot be started/);
  });
});
