import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startProcess } from '#test/support/start-process.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

const module = fileURLToPath(new URL('../bin/node26.js', import.meta.url));
const { findNode26, howToMendNode } = await import('../bin/node26.js');

test('the Node of the nearest package that is new enough and complete is found, hoisted or not', async () => {
  await using folder = await temporaryFolder({
    'node_modules/node/package.json': '{ "version": "26.10.0" }',
    'node_modules/node/bin/node': '',
    'node_modules/heddle-mesh/node_modules/node/package.json': '{ "version": "24.1.0" }',
    'node_modules/heddle-mesh/node_modules/node/bin/node': '',
  });
  assert.equal(findNode26(join(folder.path, 'node_modules/heddle-mesh/')), join(folder.path, 'node_modules/node/bin/node'));
});

test('a missing executable is told apart from a missing package', async () => {
  await using folder = await temporaryFolder({ 'a/node_modules/node/package.json': '{ "version": "26.10.0" }', 'b/package.json': '{}' });
  const a = join(folder.path, 'a');
  assert.equal(findNode26(a), undefined);
  assert.match(howToMendNode(a), new RegExp(`run \`npm rebuild node\` in ${a}$`));
  assert.match(howToMendNode(join(folder.path, 'b')), /run `npm install` in/);
});

for (const [way, first] of [
  ['takes this process over', ''],
  ['runs as a child where a process cannot be replaced', 'process.execve = undefined;'],
] as const) {
  const start = (script: string, ready?: RegExp) => {
    const program = `${first} const { continueUnder } = await import(${JSON.stringify(module)}); continueUnder(process.execPath, ['-e', ${JSON.stringify(script)}, 'word']);`;
    return startProcess({ command: process.execPath, args: ['--input-type=module', '-e', program], ...(ready !== undefined && { ready }) });
  };

  test(`the right Node ${way}: arguments in, exit code out`, async () => {
    await using launched = await start('console.log(process.argv[1]); process.exitCode = 7');
    assert.equal((await launched.exited).code, 7);
    assert.equal(launched.stdout(), 'word\n');
  });

  test(`the right Node ${way}: signals reach it`, async () => {
    const script = 'process.on("SIGTERM", () => process.exit(9)); setInterval(() => {}, 1000); console.log("up")';
    await using launched = await start(script, /up/);
    launched.signal('SIGTERM');
    assert.equal((await launched.exited).code, 9);
  });
}
