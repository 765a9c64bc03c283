import assert from 'node:assert/strict';
import { chmodSync, existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makePrivateFolder } from '#ca/folder/private-file.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

test('folders that are made are for their owner alone, and those that are there stay as they are', async () => {
  await using folder = await temporaryFolder({ file: '' });
  chmodSync(folder.path, 0o755);
  const path = join(folder.path, 'a', 'b');
  makePrivateFolder(path);
  makePrivateFolder(path);
  assert.deepEqual(
    [folder.path, join(folder.path, 'a'), path].map((made) => statSync(made).mode & 0o777),
    [0o755, 0o700, 0o700],
  );
  assert.throws(() => makePrivateFolder(join(folder.path, 'file')), /is no folder/);
  assert.throws(() => makePrivateFolder(join(folder.path, 'file', 'a')), /is no folder|ENOTDIR/);
});

test('a place where no folder can be made is an error, and not waited for without end', {
  skip: existsSync('/proc/self') ? false : 'no /proc',
}, () => {
  assert.throws(() => makePrivateFolder('/proc/heddle/ca'), /ENOENT|EACCES|EPERM/);
});
