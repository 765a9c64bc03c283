import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { describeEnd, type ProcessSpec, startLocalProcess } from '#runtime/child-process.ts';
import { Watchdog } from '#runtime/watchdog.ts';

/** What a program comes to that cannot be started at all. */
async function endOf(spec: Partial<ProcessSpec>): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-process-'));
  await using watchdog = new Watchdog();
  try {
    const running = startLocalProcess({ command: 'true', args: [], cwd: folder, env: {}, logFile: join(folder, 'app.log'), ...spec }, watchdog);
    assert.deepEqual([running.pid, running.lastLines(3)], [0, []]);
    running.signal('SIGTERM');
    return describeEnd(await running.ended);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
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
