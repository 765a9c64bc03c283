// Every feature of the listing names tests, and the listing is written as it stands. That the tests ran is checked behind the whole run
// (scripts/test.js), which knows their names.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { formatFeatures, mistakesOf, readFeatures } from '#test/support/features.ts';

const listing = fileURLToPath(new URL('features.md', import.meta.url));

test('each feature of the listing is shown by a test', () => {
  assert.deepEqual(readFeatures().flatMap(mistakesOf), []);
});

test('test/features.md is what test/features makes of it', () => {
  const made = formatFeatures(readFeatures());
  if (process.env['UPDATE_GOLDENS'] !== undefined) writeFileSync(listing, made);
  assert.equal(readFileSync(listing, 'utf8'), made, 'run npm run test:update');
});
