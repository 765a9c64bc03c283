// A newcomer's first minute: a clone in an empty folder, an empty HOME, no node_modules; then one command.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { httpCall } from '#test/support/http-call.ts';
import { startProcess } from '#test/support/start-process.ts';
import { stopMesh } from '#test/support/stop-mesh.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

test('npm start installs what is missing and runs the hello example', async () => {
  await using home = await temporaryFolder();
  await using folder = await temporaryFolder();
  await run('git', ['clone', '--quiet', root, 'heddle'], { cwd: folder.path });
  await using mesh = await startProcess({
    command: 'npm',
    args: ['start', '--', '--gateway-port', '0'],
    cwd: `${folder.path}/heddle`,
    env: withoutOurNode(home.path),
    ready: /http:\/\/127\.0\.0\.1:\d+/,
    readyTimeoutMs: 300_000,
    stopTimeoutMs: 20_000,
  });
  const [, port] = await mesh.waitForLine(/gateway.*http:\/\/127\.0\.0\.1:(\d+)/i);
  await using _stopped = stopMesh(`${folder.path}/heddle/.heddle`);
  const answer = await httpCall({ port: Number(port), headers: { host: 'hello.example.com' } });
  assert.equal(answer.status, 200);
  assert.match(answer.body, /^hello from v[12]/);
});

/** The environment of a shell of somebody who has not installed anything: npm's and this run's own settings are left out. */
function withoutOurNode(home: string): Record<string, string | undefined> {
  const outer = (process.env['PATH'] ?? '').split(':').filter((folder) => !folder.includes('node_modules'));
  const ours = Object.keys(process.env).filter((name) => /^(npm_|NODE_|HEDDLE_)/.test(name));
  return { ...Object.fromEntries(ours.map((name) => [name, undefined])), HOME: home, XDG_CACHE_HOME: undefined, PATH: outer.join(':') };
}
