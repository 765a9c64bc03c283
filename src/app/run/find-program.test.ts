import assert from 'node:assert/strict';
import { chmod } from 'node:fs/promises';
import { delimiter } from 'node:path';
import { test } from 'node:test';
import { findProgram } from '#app/run/find-program.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

void test('a command is what a shell would run, and its codes are those of a shell', async () => {
  await using folder = await temporaryFolder({ 'one/tool': '', 'two/tool': '#!/bin/sh\n', 'two/folder/x': '' });
  const { path } = folder;
  await chmod(`${path}/two/tool`, 0o755);
  const PATH = [`${path}/none`, `${path}/one`, `${path}/two`].join(delimiter);
  assert.deepEqual(findProgram('tool', PATH, path), { ok: true, value: `${path}/two/tool` });
  assert.deepEqual(findProgram('./two/tool', '', path), { ok: true, value: `${path}/two/tool` });
  const fault = (command: string, search = PATH): unknown => {
    const found = findProgram(command, search, path);
    return found.ok ? found.value : [found.error.exitCode, found.error.reason];
  };
  assert.deepEqual(fault('tool', `${path}/one`), [126, `${path}/one/tool is not executable`]);
  assert.deepEqual(fault('one/tool'), [126, `${path}/one/tool is not executable`]);
  assert.deepEqual(fault('./two/folder'), [126, `${path}/two/folder is a folder`]);
  assert.deepEqual(fault('folder'), [127, 'there is no program folder on PATH']);
  assert.deepEqual(fault('one/tool/x'), [127, 'there is no file one/tool/x']);
  assert.deepEqual(fault(''), [127, 'there is no program  on PATH']);
});
