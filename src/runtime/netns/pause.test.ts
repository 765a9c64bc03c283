// A pod that cannot be made because of what its user wrote is refused in words; no process is started for it.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ok } from '#base/result.ts';
import { type PauseSettings, startPause } from '#runtime/netns/pause.ts';

const settings: PauseSettings = {
  programs: { unshare: '/no/such/unshare', nsenter: '', ip: '', mount: '', hostname: '', rules: { kind: 'nft', path: '' } },
  files: { hostname: 'web', resolv: '', hosts: '' },
  addresses: { pod: '198.18.0.10', proxy: '198.19.128.10', node: '198.18.0.1' },
  rules: '',
  run: { folders: [], links: [], resolv: '/etc/resolv.conf', hosts: undefined, hostname: undefined, nameSwitch: undefined },
  hidden: [],
};

async function refusal(changed: Partial<PauseSettings>): Promise<string> {
  const started = await startPause({ ...settings, ...changed }, async () => ok(undefined));
  return started.ok ? 'started' : started.error;
}

test('what the user wrote and no program can be given', async () => {
  assert.match(await refusal({ files: { ...settings.files, hostname: 'a\0b' } }), /NUL character in its hostname/);
  const programs = { ...settings.programs, unshare: '/bin/true' };
  assert.match(await refusal({ programs, rules: '# ranges\n'.repeat(20_000) }), /longer than this system takes/);
  assert.match(await refusal({ programs }), /ended without a word/);
});

test('a program that is gone', async () => {
  assert.match(await refusal({}), /ENOENT/);
});

test('a program that hangs is given up', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-pause-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const unshare = join(folder, 'unshare');
  writeFileSync(unshare, '#!/bin/sh\nexec sleep 600 < /dev/null\n', { mode: 0o700 });
  const programs = { ...settings.programs, unshare };
  const started = await startPause({ ...settings, programs }, async () => ok(undefined), AbortSignal.timeout(50));
  assert.match(started.ok ? 'started' : started.error, /not made in time/);
});
