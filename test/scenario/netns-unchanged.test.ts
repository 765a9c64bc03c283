// examples/unchanged: nginx, Python's file server, Redis and redis-cli as they are, in pods with a network of their own.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { inOwnNetwork } from '#test/scenario/own-network.ts';
import { example } from '#test/scenario/up.ts';
import { findProgram } from '#test/support/find-program.ts';
import { runCalls, shownCalls } from '#test/support/readme-calls.ts';
import { startHeddle } from '#test/support/start-process.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const title = 'programs that know of no mesh find each other, are encrypted, and are kept apart';
const missing = ['nginx', 'redis-server', 'redis-cli', 'python3', 'curl'].filter((name) => findProgram(name) === undefined);

if (missing.length > 0) void test(title, { skip: `needs ${missing.join(', ')}: sudo apt install nginx-light redis python3 curl` }, () => {});
else {
  inOwnNetwork(title, async (start) => {
    await using up = await start({ path: example('unchanged') });
    await waitUntil('the Job has visited everybody', async () => (await up.log('visitor-0')).includes('a file, served by Python'), {
      timeoutMs: 30_000,
    });
    assert.equal(await up.log('visitor-0'), 'redis counts 1\nnginx on port 80 of web-0\na file, served by Python through nginx\n');
    const calls = shownCalls(await readFile(`${example('unchanged')}/README.md`, 'utf8'));
    const replaced = [['127.0.0.1:8080', `127.0.0.1:${up.gatewayPort}`]] as const;
    assert.deepEqual(
      await runCalls(calls, { cwd: up.folder.path, environment: {}, replaced }),
      calls.map(({ output }) => output),
    );
    // Anybody but the Job: web may not speak to Redis.
    const state = ['--state-dir', `${up.folder.path}/state`];
    await using stranger = await startHeddle(['exec', 'web-0', ...state, '--', 'redis-cli', '-h', 'redis', 'ping']);
    await stranger.exited;
    assert.doesNotMatch(stranger.output(), /PONG/);
    await waitUntil('the denial is in the log of its proxy', async () => /rbac_access_denied/.test(await up.log('redis-0.proxy')));
  });
}
