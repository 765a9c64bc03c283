// README.md shows what the program prints: the commands of its blocks are run again and their output is compared in shape.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readBlocks, recordSessions, shapeOf } from '#test/support/readme-sessions.ts';

test('README.md shows real output (`npm run docs` writes it anew)', async () => {
  const page = readFileSync(fileURLToPath(new URL('../../README.md', import.meta.url)), 'utf8');
  const shown = readBlocks(page);
  const made = await recordSessions(0);
  assert.deepEqual([...shown.keys()].sort(), [...made.keys()].sort());
  for (const [name, text] of made) assert.equal(shapeOf(shown.get(name) ?? ''), shapeOf(text), `block ${name}`);
});
