import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SecretText } from '#base/secret-text.ts';
import { AuthorityChannel } from '#ca/client/authority-channel.ts';
import type { WorkloadCertificate } from '#ca/client/workload-identity.ts';
import { make } from '#test/ca/openssl.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

const nowMs = Date.now();

function jwt(expiresMs: number): string {
  return `e30.${Buffer.from(JSON.stringify({ exp: expiresMs / 1000 })).toString('base64url')}.x`;
}

async function story() {
  const folder = await temporaryFolder({ token: `${jwt(nowMs + 60_000)}\n` });
  const root = make(folder.path, 'root');
  const next = make(folder.path, 'next');
  const own = make(folder.path, 'own', { issuer: root, ca: false, names: 'URI:spiffe://cluster.local/ns/a/sa/b' });
  const [rootsFile, tokenFile] = [root.certificateFile, join(folder.path, 'token')];
  const channel = new AuthorityChannel({ target: '127.0.0.1:1', serverName: 'x', rootsFile, tokenFile });
  const certificate: WorkloadCertificate = {
    chain: own.certificate,
    key: new SecretText(own.key),
    roots: root.certificate,
    identity: 'spiffe://cluster.local/ns/a/sa/b',
    notAfterMs: nowMs + 600_000,
  };
  const way = (current: WorkloadCertificate | undefined, atMs = nowMs) => {
    const found = channel.way(current, atMs);
    return found.ok ? { client: found.value.client, token: found.value.metadata.get('authorization')[0] } : found.error;
  };
  const close = async () => {
    channel.close();
    await folder[Symbol.asyncDispose]();
  };
  return { folder, rootsFile, tokenFile, certificate, next, way, [Symbol.asyncDispose]: close };
}

test('one connection serves as long as neither the roots nor the proof change', async () => {
  await using made = await story();
  const first = made.way(undefined);
  assert.ok(typeof first === 'object');
  assert.match(String(first.token), /^Bearer e30\./);
  const again = made.way(made.certificate);
  assert.ok(typeof again === 'object');
  assert.equal(again.client, first.client, 'its roots are those of the file');
  const changed = made.way({ ...made.certificate, roots: made.certificate.roots + made.next.certificate });
  assert.ok(typeof changed === 'object' && changed.client !== first.client);
});

test('when the token has expired or is gone, the certificate is the proof; when all are over, the authority shall judge', async () => {
  await using made = await story();
  const later = made.way(made.certificate, nowMs + 61_000);
  assert.ok(typeof later === 'object');
  assert.equal(later.token, undefined);
  const over = made.way(made.certificate, nowMs + 601_000);
  assert.ok(typeof over === 'object');
  assert.match(String(over.token), /^Bearer/);
  rmSync(made.tokenFile);
  assert.ok(typeof made.way(made.certificate) === 'object');
  assert.ok(typeof made.way(made.certificate, nowMs + 601_000) === 'object');
  assert.match(String(made.way(undefined)), /cannot be read: ENOENT, and there is no certificate/);
});

test('files that hold nothing of use are told by name, and not by content', async () => {
  await using made = await story();
  await made.folder.write('token', 'two words\n');
  assert.match(String(made.way(undefined)), /token does not hold one token/);
  await made.folder.write('token', '');
  assert.match(String(made.way(undefined)), /token is empty/);
  await made.folder.write('root.pem', 'hello');
  assert.match(String(made.way(undefined)), /root\.pem holds no certificate/);
  rmSync(made.rootsFile);
  assert.match(String(made.way(undefined)), /root\.pem cannot be read: ENOENT/);
});
