import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Diagnostic } from '#base/diagnostic.ts';
import { addressPlan } from '#runtime/netns/address-plan.ts';
import { ServiceTable } from '#runtime/netns/service-table.ts';

test('rules that were refused are written again with the next state, the same one too, and told once; rules in force are not', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-rules-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'nft');
  // The kernel is busy the first two times.
  writeFileSync(
    path,
    `#!/bin/sh\ncat > /dev/null\necho run >> '${folder}/runs'\ntest "$(wc -l < '${folder}/runs')" -gt 2 || { echo busy >&2; exit 1; }\n`,
  );
  chmodSync(path, 0o700);
  const problems: Diagnostic[] = [];
  const programs = { unshare: '', nsenter: '', ip: '', mount: '', hostname: '', rules: { kind: 'nft', path } } as const;
  const addresses = addressPlan('198.18.0.0/15');
  assert.ok(addresses.ok);
  const table = new ServiceTable({
    programs,
    addresses: addresses.value,
    egressPort: undefined,
    onProblem: (problem) => void problems.push(problem),
  });
  for (let states = 0; states < 4; states++) {
    await table.settled();
    table.take([]);
  }
  await table.settled();
  assert.equal(readFileSync(join(folder, 'runs'), 'utf8'), 'run\nrun\nrun\n');
  assert.match(problems.map(({ message }) => message).join(), /^pods without a proxy do not reach what Services have become: busy$/);
});
