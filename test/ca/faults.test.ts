// What goes wrong with an authority: its time is over, at the start or while it runs, its clock jumps, a caller comes from the trust domain of before. Who
// has a certificate is served on; nobody gets one that is not good; and when it is mended all goes on by itself.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Metadata } from '@grpc/grpc-js';
import { silentLogger } from '#base/logger.ts';
import { openAuthority } from '#ca/folder/authority.ts';
import { type FolderContent, readFolder } from '#ca/folder/ca-folder.ts';
import { identifyCaller } from '#ca/server/caller.ts';
import { issueToken } from '#ca/token.ts';
import { type Made, make } from '#test/ca/openssl.ts';
import { type Story, StoryClock, startStory, until } from '#test/ca/story.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

const hello = 'spiffe://cluster.local/ns/default/sa/hello';
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const yearMs = 365 * dayMs;

function found(story: Story): string {
  return story.authority
    .diagnostics()
    .map(({ code, severity, message }) => `${code} ${severity} ${message}`)
    .join('\n');
}

test('an authority that has ended signs for nobody and says so, workloads are served on, and the next one is taken while it runs', async () => {
  await using story = await startStory();
  const workload = await story.workload(hello, { validityMs: hourMs });
  const clocks = [workload.clock, story.serverClock];
  await until('the first certificate', clocks, () => workload.current() !== undefined);
  const first = workload.current();
  story.serverClock.jump(11 * yearMs);
  writeFileSync(workload.tokenFile, await story.token(hello, { ttlMs: yearMs }));
  await until('the end is told', clocks, () => /HDL0091 error the certificate authority expired at/.test(found(story)), 10_000);
  assert.doesNotMatch(found(story), /signs on/);
  await until('the refusal in the log of the workload', clocks, () => story.clientLog.has('warn', /could not be renewed/), 10_000);
  assert.match(JSON.stringify(story.clientLog.lines), /UNAVAILABLE: the authority's own certificate expired/);
  await until('its own end in the log', [workload.clock], () => story.clientLog.has('error', /has expired/), 60_000);
  assert.equal(workload.current(), first);

  const next = make(story.folder, 'next', { days: 20 * 365 });
  writeFileSync(workload.rootsFile, next.certificate + (first?.roots ?? ''));
  for (const [name, text] of [
    ['ca-key.pem', next.key],
    ['ca-cert.pem', next.certificate],
  ] as const) {
    writeFileSync(join(story.folder, name), text);
  }
  await until('the next authority is in force', clocks, () =>
    story.authority.content().set.certificate.raw.equals(new X509Certificate(next.certificate).raw),
  );
  assert.doesNotMatch(found(story), /HDL0091 error/);
  // TLS goes by the real clock, and takes no certificate of another decade.
  story.serverClock.jump(Date.now() - story.serverClock.nowMs());
  await until('the next authority signs', clocks, () => workload.current()?.chain !== first?.chain, 1_000);
  assert.ok(new X509Certificate(workload.current()?.chain ?? '').verify(new X509Certificate(next.certificate).publicKey));
});

test('an authority whose certificate, chain or root has ended is refused at the start, with the file', async () => {
  await using folder = await temporaryFolder();
  const root = make(folder.path, 'root', { days: 60 });
  const brief = make(folder.path, 'brief', { days: 5 });
  const middle = make(folder.path, 'middle', { issuer: root, days: 10 });
  const signer = make(folder.path, 'signer', { issuer: middle, days: 40 });
  const under = make(folder.path, 'under', { issuer: brief, days: 40 });
  const cases: readonly (readonly [name: string, days: number, signer: Made, chain: readonly Made[], root: Made, file: RegExp, reason: RegExp])[] = [
    ['certificate', 45, signer, [middle], root, /ca-cert\.pem$/, /the certificate expired at/],
    ['chain', 15, signer, [middle], root, /cert-chain\.pem$/, /CN=middle expired at/],
    ['root', 15, under, [], brief, /root-cert\.pem$/, /CN=brief expired at/],
  ];
  for (const [name, days, own, chain, top, file, reason] of cases) {
    const path = join(folder.path, name);
    const files = { 'ca-cert.pem': own.certificate, 'ca-key.pem': own.key, 'root-cert.pem': top.certificate };
    for (const [part, text] of Object.entries(files)) await folder.write(`${name}/${part}`, text);
    await folder.write(`${name}/cert-chain.pem`, chain.map(({ certificate }) => certificate).join(''));
    const clock = new StoryClock();
    const early = openAuthority({ folder: path, clock, logger: silentLogger });
    assert.ok(early.ok, JSON.stringify(early));
    early.value[Symbol.dispose]();
    clock.jump(days * dayMs);
    const late = openAuthority({ folder: path, clock, logger: silentLogger });
    assert.ok(!late.ok, name);
    assert.match(late.error.at?.file ?? '', file);
    assert.match(late.error.message, reason);
  }
});

test('an authority whose clock jumps ahead or back is not believed while it is wrong, nobody loses a certificate, and right again it signs on', async () => {
  for (const byMs of [3 * dayMs, -3 * dayMs]) {
    await using story = await startStory();
    const workload = await story.workload(hello, { validityMs: hourMs });
    const clocks = [workload.clock, story.serverClock];
    await until('the first certificate', clocks, () => workload.current() !== undefined);
    const first = workload.current();
    story.serverClock.jump(byMs);
    await until('a failure in the log', clocks, () => story.clientLog.has('warn', /could not be renewed/), 60_000);
    assert.equal(workload.current(), first);
    story.serverClock.jump(Date.now() - story.serverClock.nowMs());
    await until('the renewal', clocks, () => workload.current() !== first, 1_000);
    const own = new X509Certificate(workload.current()?.chain ?? '');
    assert.ok(Math.abs(Date.parse(own.validTo) - Date.now() - hourMs) < 5 * 60_000, `${byMs}: ends at ${own.validTo}`);
  }
});

test('who comes from a trust domain that is an alias gets a certificate of the mesh’s own, by token and by certificate', async () => {
  await using story = await startStory();
  const workload = await story.workload('spiffe://former.local/ns/default/sa/hello');
  await until('the certificate', [workload.clock, story.serverClock], () => workload.current() !== undefined);
  assert.equal(workload.current()?.identity, hello);

  await using folder = await temporaryFolder();
  const root = make(folder.path, 'root');
  await folder.write('ca/ca-cert.pem', root.certificate);
  await folder.write('ca/ca-key.pem', root.key);
  const read = readFolder(join(folder.path, 'ca'), Date.now());
  assert.ok(read.ok);
  const content: FolderContent = read.value;
  const callerOf = async (trustDomain: string) => {
    const leaf = make(folder.path, trustDomain, { issuer: root, ca: false, names: `URI:spiffe://${trustDomain}/ns/a/sa/b` });
    const proof = { metadata: new Metadata(), certificate: new X509Certificate(leaf.certificate).raw };
    return identifyCaller(proof, { content, trustDomains: { own: 'new.local', aliases: ['old.local'] }, nowMs: Date.now() });
  };
  for (const trustDomain of ['new.local', 'old.local']) {
    const caller = await callerOf(trustDomain);
    assert.ok(caller.ok);
    assert.deepEqual(caller.value.identity, { trustDomain: 'new.local', namespace: 'a', serviceAccount: 'b' });
  }
  const stranger = await callerOf('else.local');
  assert.ok(!stranger.ok && /trust domain else\.local/.test(stranger.error));
});

test('what proved a caller is good until it ends, is taken back, or the key of the tokens is another', async () => {
  await using folder = await temporaryFolder();
  const clock = new StoryClock();
  const opened = openAuthority({ folder: join(folder.path, 'ca'), clock, logger: silentLogger });
  assert.ok(opened.ok);
  using authority = opened.value;
  const content = authority.content();
  const identity = { trustDomain: 'cluster.local', namespace: 'default', serviceAccount: 'hello' };
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${(await issueToken(content.tokenKey, { identity }, hourMs, clock.nowMs())).reveal()}`);
  const options = { content, trustDomains: { own: 'cluster.local', aliases: [] }, nowMs: clock.nowMs() };
  const caller = await identifyCaller({ metadata, certificate: undefined }, options);
  assert.ok(caller.ok);
  const { isStillGood } = caller.value;
  assert.deepEqual(
    [0, hourMs - 1000, hourMs + 61_000].map((laterMs) => isStillGood(content, clock.nowMs() + laterMs)),
    [true, true, false],
  );
  assert.equal(isStillGood({ ...content, tokenKey: { ...content.tokenKey, id: 'another' } }, clock.nowMs()), false);
});
