// The package as a user gets it: packed, installed into an empty folder under whatever Node npm has, and run from there.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { httpCall } from '#test/support/http-call.ts';
import { startProcess } from '#test/support/start-process.ts';
import { stopMesh } from '#test/support/stop-mesh.ts';
import { type TemporaryFolder, temporaryFolder } from '#test/support/temporary-folder.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);
let folder: TemporaryFolder;

before(async () => {
  folder = await temporaryFolder({ 'package.json': '{ "name": "somebody-else", "private": true }' });
  const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', folder.path], { cwd: root, maxBuffer: 2 ** 24 });
  const tarball = stdout.trim().split('\n').at(-1) ?? '';
  await run('npm', ['install', '--no-audit', '--no-fund', join(folder.path, tarball)], { cwd: folder.path });
});

after(() => folder[Symbol.asyncDispose]());

test('brings its compiled code and no source', () => {
  const shipped = readdirSync(join(folder.path, 'node_modules/heddle-mesh'), { recursive: true, encoding: 'utf8' });
  assert.deepEqual(
    shipped.filter((path) => /^(src|test|bench|scripts)\//.test(path) || (path.endsWith('.ts') && !path.endsWith('.d.ts'))),
    [],
  );
  for (const wanted of ['dist/cli/main.js', 'dist/cli/main.js.map', 'dist/model/mesh.d.ts', 'LICENSE']) assert.ok(shipped.includes(wanted), wanted);
});

test('npx heddle version prints the version of the package', async () => {
  const { stdout } = await run('npx', ['heddle', 'version'], { cwd: folder.path });
  assert.match(stdout, /\b0\.1\.0\b/);
});

test('npx heddle up runs the example that comes with it', async () => {
  await using mesh = await startProcess({
    command: 'npx',
    args: ['heddle', 'up', 'node_modules/heddle-mesh/dist/examples/hello', '--gateway-port', '0'],
    cwd: folder.path,
    ready: /http:\/\/127\.0\.0\.1:\d+/,
    readyTimeoutMs: 30_000,
    stopTimeoutMs: 15_000,
  });
  const [, port] = await mesh.waitForLine(/gateway.*http:\/\/127\.0\.0\.1:(\d+)/i);
  await using _stopped = stopMesh(join(folder.path, '.heddle'));
  const answer = await httpCall({ port: Number(port), headers: { host: 'hello.example.com' } });
  assert.equal(answer.status, 200);
});
