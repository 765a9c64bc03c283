import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startProcess } from '#test/support/start-process.ts';

const node = process.execPath;

test('resolves when the line is there and stops the process with the scope', async () => {
  let exited;
  {
    await using child = await startProcess({ command: node, args: ['-e', 'console.log("port 42"); setInterval(() => {}, 1000)'], ready: /port \d+/ });
    assert.equal((await child.waitForLine(/port (\d+)/))[1], '42');
    assert.equal(child.stdout(), 'port 42\n');
    exited = child.exited;
  }
  assert.deepEqual(await exited, { code: null, signal: 'SIGTERM' });
});

test('rejects with the output when the process ends before it is ready', async () => {
  await assert.rejects(
    startProcess({ command: node, args: ['-e', 'console.error("no luck"); process.exit(3)'], ready: /ready/ }),
    /code 3[\s\S]*no luck/,
  );
});

test('rejects when a condition is not met in time, or the program is not there', async () => {
  const never = { command: node, args: ['-e', 'setInterval(() => {}, 1000)'], ready: async () => false, readyTimeoutMs: 50 };
  await assert.rejects(startProcess(never), /waited 50 ms in vain/);
  await assert.rejects(startProcess({ command: '/no/such/program', ready: /x/ }), /cannot start \/no\/such\/program/);
});

test('kills a process that does not heed SIGTERM', async () => {
  const child = await startProcess({
    command: node,
    args: ['-e', 'process.on("SIGTERM", () => {}); console.log("up"); setInterval(() => {}, 1000)'],
    ready: /up/,
    stopTimeoutMs: 50,
  });
  assert.deepEqual(await child.stop(), { code: null, signal: 'SIGKILL' });
});
