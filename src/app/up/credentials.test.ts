import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { UpCredentials } from '#app/up/credentials.ts';
import { silentLogger } from '#base/logger.ts';
import { SecretText } from '#base/secret-text.ts';
import { openAuthority } from '#ca/folder/authority.ts';
import { formatIdentity } from '#ca/identity.ts';
import { verifyToken } from '#ca/token.ts';
import { planPods } from '#runtime/pod-plan.ts';
import { HandClock } from '#test/support/hand-clock.ts';
import { resourcesOf, snapshotOf } from '#test/support/snapshots.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { waitUntil } from '#test/support/wait-until.ts';

test('a token is for its pod alone, in a file for the user alone, renewed in place, also after a sleep, and gone at the end', async () => {
  await using folder = await temporaryFolder();
  const clock = new HandClock();
  let jumpedMs = 0;
  const now = () => clock.nowMs() + jumpedMs;
  const authority = openAuthority({ folder: join(folder.path, 'ca'), clock, logger: silentLogger });
  if (!authority.ok) throw new Error(authority.error.message);
  using open = authority.value;
  const path = join(folder.path, 'identities');
  // A laptop that slept: the time of day is another, and no timer went on.
  const jumping = { nowMs: now, monotonicMs: clock.monotonicMs, after: clock.after };
  const credentials = new UpCredentials({ folder: path, authority: open, trustDomain: () => 'shop.example', clock: jumping, logger: silentLogger });
  const pod = {
    metadata: { name: 'web-0', namespace: 'shop' },
    spec: { serviceAccountName: 'web', containers: [{ name: 'istio-proxy', image: 'auto' }] },
  };
  const { resources } = snapshotOf(resourcesOf(JSON.stringify({ apiVersion: 'v1', kind: 'Pod', ...pod })));
  const plan = planPods(resources, []).pods.get('shop/web-0');
  assert.ok(plan !== undefined);
  const { tokenFile, rootsFile } = await credentials.issue(plan);
  assert.deepEqual(
    [path, tokenFile].map((file) => statSync(file).mode & 0o777),
    [0o700, 0o600],
  );
  assert.equal(readFileSync(rootsFile, 'utf8'), open.content().set.roots);
  const token = readFileSync(tokenFile, 'utf8');
  const content = await verifyToken(open.content().tokenKey, new SecretText(token), clock.nowMs());
  assert.ok(content.ok);
  assert.deepEqual([formatIdentity(content.value.identity), content.value.pod], ['spiffe://shop.example/ns/shop/sa/web', 'web-0']);
  clock.advance(12 * 3_600_000 - 60_000);
  assert.equal(readFileSync(tokenFile, 'utf8'), token);
  clock.advance(60_000);
  await waitUntil('a new token', () => readFileSync(tokenFile, 'utf8') !== token);
  for (const byMs of [30 * 3_600_000, -30 * 3_600_000]) {
    const before = readFileSync(tokenFile, 'utf8');
    jumpedMs += byMs;
    clock.advance(10_000);
    await waitUntil('a token of the new time', () => readFileSync(tokenFile, 'utf8') !== before);
    const renewed = await verifyToken(open.content().tokenKey, new SecretText(readFileSync(tokenFile, 'utf8')), now());
    assert.ok(renewed.ok);
  }
  credentials[Symbol.dispose]();
  assert.equal(existsSync(path), false);
});
