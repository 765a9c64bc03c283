// The folder while somebody writes in it: half a state is told and not taken, a whole one is taken while everything runs; a change of the root
// goes on with time, and after a kill at any moment.
import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLogger } from '#base/logger.ts';
import { type Authority, openAuthority } from '#ca/folder/authority.ts';
import { readFolder } from '#ca/folder/ca-folder.ts';
import { announcedMs, readRotation, settleRotation, signingMs, startRotation } from '#ca/folder/rotation.ts';
import { make, revoke } from '#test/ca/openssl.ts';
import { StoryClock, until } from '#test/ca/story.ts';
import { type TemporaryFolder, temporaryFolder } from '#test/support/temporary-folder.ts';

async function opened(folder: TemporaryFolder, clock: StoryClock): Promise<Authority> {
  const authority = openAuthority({ folder: join(folder.path, 'ca'), clock, logger: silentLogger });
  assert.ok(authority.ok, JSON.stringify(authority));
  return authority.value;
}

function rootsOf(authority: Authority): readonly string[] {
  return authority.content().set.rootCertificates.map(({ fingerprint256 }) => fingerprint256);
}

test('an empty folder gets a root of ten years, and nobody else may read its keys', async () => {
  await using folder = await temporaryFolder();
  const clock = new StoryClock();
  using authority = await opened(folder, clock);
  const { certificate } = authority.content().set;
  const years = (Date.parse(certificate.validTo) - clock.nowMs()) / (365 * 24 * 3_600_000);
  assert.ok(Math.abs(years - 10) < 0.01);
  assert.equal(statSync(authority.folder).mode & 0o777, 0o700);
  for (const name of ['ca-key.pem', 'token-key.pem']) assert.equal(statSync(join(authority.folder, name)).mode & 0o777, 0o600);
  using again = await opened(folder, clock);
  assert.deepEqual(rootsOf(again), rootsOf(authority));
  assert.equal(again.content().tokenKey.id, authority.content().tokenKey.id);
});

test('a plugged-in authority is taken when its last file is there, and until then the one before signs on', async () => {
  await using folder = await temporaryFolder();
  const clock = new StoryClock();
  using authority = await opened(folder, clock);
  const before = authority.content();
  const write = (name: string, text: string) => writeFileSync(join(authority.folder, name), text);
  const found = () =>
    authority
      .diagnostics()
      .map(({ code, at, message }) => `${code} ${at?.file.split('/').at(-1)} ${message}`)
      .join('\n');
  const root = make(folder.path, 'root');
  const middle = make(folder.path, 'middle', { issuer: root, days: 20 });

  write('ca-cert.pem', middle.certificate.slice(0, 200));
  await until('the broken certificate is told', [clock], () => /HDL0090 ca-cert\.pem .*cut off/.test(found()));
  write('ca-cert.pem', middle.certificate);
  await until('the foreign key is told', [clock], () => /HDL0090 ca-key\.pem .*does not fit/.test(found()));
  write('ca-key.pem', middle.key);
  await until('the foreign root is told', [clock], () => /HDL0090 root-cert\.pem .*none of the roots/.test(found()));
  assert.equal(authority.content(), before);
  write('root-cert.pem', root.certificate + before.set.roots);
  await until('it is in force', [clock], () => authority.content() !== before);
  // An end within 30 days is told.
  assert.match(found(), /^HDL0091 ca-cert\.pem/);
  assert.equal(rootsOf(authority).length, 2);
  assert.ok(authority.content().set.intermediates.includes(middle.certificate.trim()));

  const { tokenKey } = authority.content();
  rmSync(join(authority.folder, 'token-key.pem'));
  await until('tokens of before count no more', [clock], () => authority.content().tokenKey.id !== tokenKey.id);

  rmSync(join(authority.folder, 'ca-key.pem'));
  const now = authority.content();
  await until('the missing key is told', [clock], () => /HDL0090 ca-key\.pem .*missing; it signs on/.test(found()));
  assert.equal(authority.content(), now);
});

test('a folder that cannot be used at the start is a diagnostic with the file, and nothing in it is changed', async () => {
  await using folder = await temporaryFolder({ 'ca/ca-key.pem': 'hello', 'ca/root-cert.pem': 'hello' });
  const authority = openAuthority({ folder: join(folder.path, 'ca'), clock: new StoryClock(), logger: silentLogger });
  assert.ok(!authority.ok);
  assert.match(authority.error.at?.file ?? '', /ca-cert\.pem$/);
  assert.deepEqual(readdirSync(join(folder.path, 'ca')), ['ca-key.pem', 'root-cert.pem']);
});

test('a change of the root takes its steps when their time has come, and the control plane shows the old root to the end', async () => {
  await using folder = await temporaryFolder();
  const clock = new StoryClock();
  using authority = await opened(folder, clock);
  const [old] = rootsOf(authority);
  assert.ok(startRotation(authority.folder, clock).ok);
  assert.ok(!startRotation(authority.folder, clock).ok, 'one at a time');
  await until('two roots', [clock], () => rootsOf(authority).length === 2);
  assert.equal(rootsOf(authority)[0], old);

  clock.advance(announcedMs);
  const { set, serverSet } = authority.content();
  assert.equal(set.certificate.fingerprint256, rootsOf(authority)[0]);
  assert.notEqual(set.certificate.fingerprint256, old);
  assert.equal(serverSet.certificate.fingerprint256, old);
  assert.equal(rootsOf(authority).length, 2);

  clock.advance(signingMs - 2 * 60_000);
  assert.equal(rootsOf(authority).length, 2);
  clock.advance(3 * 60_000);
  assert.deepEqual(rootsOf(authority), [set.certificate.fingerprint256]);
  assert.equal(authority.content().serverSet.certificate.fingerprint256, set.certificate.fingerprint256);
  assert.deepEqual(readdirSync(authority.folder).sort(), ['ca-cert.pem', 'ca-key.pem', 'root-cert.pem', 'token-key.pem']);
});

test('a root that is plugged in from elsewhere is not changed, and the answer says how', async () => {
  await using folder = await temporaryFolder();
  const root = make(folder.path, 'root');
  const middle = make(folder.path, 'middle', { issuer: root });
  for (const [name, text] of [
    ['ca-cert.pem', middle.certificate],
    ['ca-key.pem', middle.key],
    ['root-cert.pem', root.certificate],
  ] as const) {
    await folder.write(`ca/${name}`, text);
  }
  const started = startRotation(join(folder.path, 'ca'), new StoryClock());
  assert.ok(!started.ok);
  assert.match(started.error, /plugged in.*root-cert\.pem/);
});

test('a root is not changed while revocations are listed, because the new one has no list', async () => {
  await using folder = await temporaryFolder();
  const root = make(folder.path, 'root');
  for (const [name, text] of [
    ['ca-cert.pem', root.certificate],
    ['ca-key.pem', root.key],
    ['ca-crl.pem', revoke(folder.path, root, [])],
  ] as const) {
    await folder.write(`ca/${name}`, text);
  }
  const started = startRotation(join(folder.path, 'ca'), new StoryClock());
  assert.ok(!started.ok);
  assert.match(started.error, /ca-crl\.pem has no list of the new root/);
  assert.equal(readdirSync(join(folder.path, 'ca')).includes('rotation.json'), false);
});

test('whoever was killed while the new root began to sign goes on where it was, after any of its writes', async () => {
  await using folder = await temporaryFolder();
  const clock = new StoryClock();
  const ca = join(folder.path, 'ca');
  (await opened(folder, clock))[Symbol.dispose]();
  assert.ok(startRotation(ca, clock).ok);
  const before = files(ca);
  const state = JSON.stringify({
    step: 'signing',
    since: new Date(clock.nowMs()).toISOString(),
    nextAt: new Date(clock.nowMs() + signingMs).toISOString(),
  });
  writeFileSync(join(ca, 'rotation.json'), state);
  cpSync(ca, join(folder.path, 'whole'), { recursive: true });
  settleRotation(join(folder.path, 'whole'));
  const after = files(join(folder.path, 'whole'));
  assert.notEqual(after['ca-key.pem'], before['ca-key.pem']);

  // In the order in which they are written.
  const order = ['old-ca-key.pem', 'old-ca-cert.pem', 'root-cert.pem', 'ca-key.pem', 'ca-cert.pem', 'next-ca-key.pem', 'next-ca-cert.pem'];
  for (const [index, last] of order.entries()) {
    const copy = join(folder.path, `killed-${index}`);
    cpSync(ca, copy, { recursive: true });
    for (const name of order.slice(0, index + 1)) {
      const text = after[name];
      if (text === undefined) rmSync(join(copy, name), { force: true });
      else writeFileSync(join(copy, name), text);
    }
    settleRotation(copy);
    assert.deepEqual(files(copy), after, `killed after ${last}`);
    assert.ok(readFolder(copy, clock.nowMs()).ok);
  }
  const rotation = readRotation(join(folder.path, 'whole'));
  assert.ok(rotation.ok && rotation.value?.step === 'signing');
});

function files(folder: string): Readonly<Record<string, string>> {
  return Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}
