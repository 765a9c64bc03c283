import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { failed, ok } from '#base/result.ts';
import { runProgram } from '#runtime/netns/run-program.ts';

test('its output, or the last lines of what it said', async () => {
  assert.deepEqual(await runProgram('/bin/cat', [], 'text'), ok('text'));
  assert.deepEqual(await runProgram('/bin/sh', ['-c', 'printf "1\\n2\\n3\\n4\\n" >&2; exit 1']), failed('2; 3; 4'));
  assert.deepEqual(await runProgram('/bin/sh', ['-c', 'exit 3']), failed('/bin/sh ended with code 3'));
});

test('a program that cannot be started is a failure: it is gone, it cannot be given its arguments, or no file can be opened any more', async () => {
  assert.deepEqual(await runProgram('/no/such/program', []), failed('spawn /no/such/program ENOENT'));
  const long = await runProgram('/bin/true', ['#'.repeat(200_000)]);
  assert.match(long.ok ? 'ran' : long.error, /E2BIG/);
  const file = new URL('run-program.ts', import.meta.url).href;
  const script = `
    const { openSync } = await import('node:fs');
    const { runProgram } = await import(${JSON.stringify(file)});
    // Loaded before there is no room for it.
    await runProgram('/bin/true', []);
    try { for (;;) openSync('/dev/null', 'r'); } catch {}
    const { ok, error } = await runProgram('/bin/true', []);
    process.stdout.write(ok + ' ' + error);
  `;
  const { stdout } = await promisify(execFile)('/bin/sh', [
    '-c',
    'ulimit -n 256; exec "$@"',
    'sh',
    process.execPath,
    '--input-type=module',
    '--eval',
    script,
  ]);
  assert.match(stdout, /^false .*EMFILE/);
});
