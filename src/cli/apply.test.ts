// What files a command is given.
import assert from 'node:assert/strict';
import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readGiven } from '#cli/apply.ts';

test('a folder without YAML files is named', () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'heddle-apply-'));
  assert.deepEqual(readGiven([folder.path]), { ok: false, error: `there is no YAML or JSON file in the folder ${folder.path}` });
  const file = join(folder.path, 'a.yaml');
  writeFileSync(file, 'kind: Service\n');
  assert.deepEqual(readGiven([folder.path]), { ok: true, value: [{ file, text: 'kind: Service\n' }] });
});
