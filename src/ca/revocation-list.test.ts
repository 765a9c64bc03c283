import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { gapIn, isRevoked, readRevocationLists } from '#ca/revocation-list.ts';
import { make, revoke } from '#test/ca/openssl.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

const dayMs = 24 * 3_600_000;

test('who was taken back is in the list of its authority, and in no list that somebody else signed', async () => {
  await using folder = await temporaryFolder();
  const root = make(folder.path, 'root');
  const other = make(folder.path, 'other', { key: 'rsa' });
  const [gone, good] = ['gone', 'good'].map((name) => make(folder.path, name, { issuer: root, ca: false }).certificate);
  const read = (pem: string) => {
    const lists = readRevocationLists(pem);
    assert.ok(lists.ok);
    return lists.value;
  };
  const authorities = [root, other].map(({ certificate }) => new X509Certificate(certificate));
  const lists = read(revoke(folder.path, root, [gone ?? '']) + revoke(folder.path, other, []));
  assert.equal(isRevoked(new X509Certificate(gone ?? ''), lists, authorities), true);
  assert.equal(isRevoked(new X509Certificate(good ?? ''), lists, authorities), false);
  assert.equal(isRevoked(new X509Certificate(gone ?? ''), read(revoke(folder.path, other, [gone ?? ''])), authorities), false);

  assert.equal(gapIn(lists, authorities, Date.now()), undefined);
  assert.match(gapIn(lists.slice(0, 1), authorities, Date.now()) ?? '', /no list of .*other/);
  assert.match(gapIn(lists, authorities, Date.now() + 31 * dayMs) ?? '', /out of date since/);
});

test('a list whose every byte is changed once is no list, or not signed, and never breaks anything', async () => {
  await using folder = await temporaryFolder();
  const root = make(folder.path, 'root');
  const authority = new X509Certificate(root.certificate);
  const der = Buffer.from(revoke(folder.path, root, [root.certificate]).replace(/-----.*-----|\s/g, ''), 'base64');
  for (let at = 0; at < der.length; at++) {
    const changed = Buffer.from(der);
    changed[at] = (changed[at] ?? 0) ^ 0x41;
    const lists = readRevocationLists(`-----BEGIN X509 CRL-----\n${changed.toString('base64')}\n-----END X509 CRL-----\n`);
    if (lists.ok) assert.notEqual(gapIn(lists.value, [authority], Date.now()), undefined, `byte ${at}`);
  }
});

test('text without a list is refused', () => {
  for (const text of ['hello', '-----BEGIN X509 CRL-----\nMIIB', '-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n']) {
    assert.equal(readRevocationLists(text).ok, false);
  }
});
