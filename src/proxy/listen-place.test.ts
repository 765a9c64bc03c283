import assert from 'node:assert/strict';
import { existsSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { listenAt } from '#proxy/listen-place.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

test('a socket that somebody listens on stays theirs, and so does a file that is no socket', async () => {
  await using folder = await temporaryFolder();
  const address = join(folder.path, 'a.sock');
  await using _theirs = await listening(address);
  const inUse = { ok: false, error: `${address} is in use by another process` };
  assert.deepEqual(await listenAt(createServer(), { address, port: 0 }), inUse);
  const file = join(folder.path, 'file');
  writeFileSync(file, 'kept');
  assert.equal((await listenAt(createServer(), { address: file, port: 0 })).ok, false);
  assert.equal(existsSync(file), true);
});

test('a socket that was left behind is replaced, with the permissions that are asked for', async () => {
  await using folder = await temporaryFolder();
  const address = join(folder.path, 'a.sock');
  {
    await using _gone = await listening(address);
    renameSync(address, `${address}.kept`);
  }
  renameSync(`${address}.kept`, address);
  const server = createServer();
  assert.deepEqual(await listenAt(server, { address, port: 0, socketMode: 0o640 }), { ok: true, value: undefined });
  assert.equal(statSync(address).mode & 0o777, 0o640);
  await closed(server);
  assert.equal(existsSync(address), false);
});

test('a folder that is not there is said', async () => {
  const result = await listenAt(createServer(), { address: '/nowhere/at/all.sock', port: 0 });
  assert.match(result.ok ? '' : result.error, /^\/nowhere\/at\/all\.sock cannot be bound: /);
});

async function listening(path: string): Promise<AsyncDisposable> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return { [Symbol.asyncDispose]: () => closed(server) };
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
