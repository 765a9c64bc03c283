// A workload and its authority over real TLS: the first certificate, renewal, the authority away, clocks that jump, a change of the root.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { advanceRotation, readRotation, startRotation } from '#ca/folder/rotation.ts';
import { readCertificates } from '#ca/pem.ts';
import { type Story, startStory, until, type Workload } from '#test/ca/story.ts';

const hello = 'spiffe://cluster.local/ns/default/sa/hello';
const hourMs = 3_600_000;

/** Its first certificate. */
async function certified(story: Story, workload: Workload) {
  await until('the first certificate', [workload.clock, story.serverClock], () => workload.current() !== undefined);
  const current = workload.current();
  assert.ok(current !== undefined);
  return current;
}

function rootsOf(pem: string): readonly string[] {
  const read = readCertificates(pem);
  assert.ok(read.ok);
  return read.value.map(({ fingerprint256 }) => fingerprint256);
}

test('a workload with a token gets a certificate for the identity of its token', async () => {
  await using story = await startStory();
  const workload = await story.workload(hello);
  const current = await certified(story, workload);
  const own = new X509Certificate(current.chain);
  assert.equal(own.subjectAltName, `URI:${hello}`);
  assert.equal(current.identity, hello);
  assert.ok(own.verify(new X509Certificate(current.roots).publicKey));
  const days = (Date.parse(own.validTo) - Date.parse(own.validFrom)) / (24 * hourMs);
  assert.ok(days > 1 && days < 1.01, `24 h and two minutes, not ${days} days`);
  assert.ok(!JSON.stringify([story.log.lines, story.clientLog.lines]).includes('PRIVATE KEY'));
});

test('RSA on request', async () => {
  await using story = await startStory();
  const current = await certified(story, await story.workload(hello, { keyType: { rsaBits: 2048 } }));
  assert.equal(new X509Certificate(current.chain).publicKey.asymmetricKeyType, 'rsa');
});

test('a certificate is renewed at half of its life, with a new key', async () => {
  await using story = await startStory();
  const workload = await story.workload(hello, { validityMs: hourMs });
  const first = await certified(story, workload);
  for (const clock of [workload.clock, story.serverClock]) clock.advance(25 * 60_000);
  assert.equal(workload.current(), first);
  await until('the renewal', [workload.clock, story.serverClock], () => workload.current()?.chain !== first.chain, 60_000);
  assert.ok(workload.clock.monotonicMs() < 40 * 60_000, 'long before its end');
  assert.ok(workload.current()?.key.equals(first.key) === false);
  assert.ok((workload.current()?.notAfterMs ?? 0) > first.notAfterMs);
});

test('while the authority is away the certificate is served on, also beyond its end, and the log says so; then it is renewed', async () => {
  await using story = await startStory();
  const workload = await story.workload(hello, { validityMs: hourMs });
  const first = await certified(story, workload);
  await story.stop();
  await until('a failure in the log', [workload.clock], () => story.clientLog.has('warn', /could not be renewed/), 60_000);
  assert.ok(!story.clientLog.has('error', /expired/));
  await until('the end in the log', [workload.clock], () => story.clientLog.has('error', /has expired/), 60_000);
  assert.equal(workload.current(), first);
  await story.start();
  story.serverClock.advance(workload.clock.nowMs() - story.serverClock.nowMs());
  writeFileSync(workload.tokenFile, await story.token(hello));
  await until('the renewal', [workload.clock], () => workload.current() !== first, 60_000);
  assert.ok((workload.current()?.notAfterMs ?? 0) > workload.clock.nowMs());
});

test('a workload that starts before its authority waits, says so once, and is served as soon as somebody answers', async () => {
  await using story = await startStory();
  await story.stop();
  const workload = await story.workload(hello);
  const said = () => story.clientLog.lines.filter(({ message }) => /no certificate .* yet/.test(message));
  await until('some failures', [workload.clock], () => said().length > 3, 1_000);
  assert.deepEqual(
    said()
      .map(({ level }) => level)
      .filter((level) => level !== 'debug'),
    ['warn'],
  );
  assert.equal(workload.current(), undefined);
  await story.start();
  await until('the certificate', [workload.clock], () => workload.current() !== undefined, 1_000);
});

test('an authority under another root is not believed, whatever it answers', async () => {
  await using story = await startStory();
  await using other = await startStory();
  const workload = await story.workload(hello);
  writeFileSync(workload.rootsFile, other.authority.content().set.roots);
  await until('the refusal', [workload.clock], () => story.clientLog.has('warn', /no certificate/));
  await until('more of them', [workload.clock], () => story.clientLog.lines.length > 3, 1_000);
  assert.equal(workload.current(), undefined);
});

test('without a token a workload renews with the certificate it has', async () => {
  await using story = await startStory();
  const workload = await story.workload(hello);
  const first = await certified(story, workload);
  rmSync(workload.tokenFile);
  // Beyond half of its life by the time of day, while TLS goes by the real clock.
  workload.clock.jump(13 * hourMs);
  await until('the renewal', [workload.clock], () => workload.current()?.chain !== first.chain, 1_000);
  assert.equal(workload.current()?.identity, hello);
  assert.ok(story.log.lines.some(({ message, fields }) => message === 'certificate signed' && fields['by'] === 'certificate'));
});

test('a clock that jumps forward renews; one that differs from the authority is told once and does not hammer it', async () => {
  await using story = await startStory();
  const workload = await story.workload(hello);
  const first = await certified(story, workload);
  writeFileSync(workload.tokenFile, await story.token(hello, { ttlMs: 1000 * hourMs }));
  workload.clock.jump(100 * hourMs);
  await until('the renewal', [workload.clock], () => workload.current()?.chain !== first.chain, 1_000);
  assert.ok(story.clientLog.has('warn', /clock/));
  const signed = () => story.log.lines.filter(({ message }) => message === 'certificate signed').length;
  assert.equal(signed(), 2);
  workload.clock.advance(hourMs);
  assert.equal(signed(), 2);
});

test('a clock that jumps back renews as well, and the token is not thrown away', async () => {
  await using story = await startStory();
  const workload = await story.workload(hello);
  const first = await certified(story, workload);
  workload.clock.jump(-50 * hourMs);
  await until('the renewal', [workload.clock], () => workload.current()?.chain !== first.chain, 1_000);
  assert.equal(workload.current()?.identity, hello);
});

test('a token that is no good is refused with the reason, and the next one in the file is taken', async () => {
  await using story = await startStory();
  const workload = await story.workload(hello, { token: 'x.y.z' });
  await until('the refusal', [workload.clock], () => story.clientLog.has('warn', /no certificate/));
  assert.match(JSON.stringify(story.clientLog.lines), /UNAUTHENTICATED: the token cannot be read/);
  writeFileSync(workload.tokenFile, await story.token(hello));
  await certified(story, workload);
});

test('a change of the root reaches a workload in each of its steps, and no step leaves it without a root that its peers have', async () => {
  await using story = await startStory();
  const workload = await story.workload(hello);
  const clocks = [workload.clock, story.serverClock];
  const first = await certified(story, workload);
  const [oldRoot] = rootsOf(first.roots);
  const seen = async (what: string, holds: (roots: readonly string[]) => boolean) => {
    await until(what, clocks, () => holds(rootsOf(workload.current()?.roots ?? '')));
    return rootsOf(workload.current()?.roots ?? '');
  };
  const next = async () => {
    const rotation = readRotation(story.folder);
    assert.ok(rotation.ok && rotation.value !== undefined);
    advanceRotation(story.folder, rotation.value, story.serverClock);
  };

  // The stream of the roots must be open, or the change comes with its opening.
  assert.ok(startRotation(story.folder, story.serverClock).ok);
  const announced = await seen('two roots', (roots) => roots.length === 2);
  assert.equal(announced[0], oldRoot);
  assert.equal(workload.current()?.chain, first.chain);

  await next();
  const signing = await seen('the new root first', (roots) => roots.length === 2 && roots[0] !== oldRoot);
  await until('a certificate under the new root', clocks, () => workload.current()?.chain !== first.chain, 500);
  assert.deepEqual(rootsOf(workload.current()?.roots ?? ''), signing);

  await next();
  assert.deepEqual(await seen('the new root alone', (roots) => roots.length === 1), [signing[0]]);
  const own = new X509Certificate(workload.current()?.chain ?? '');
  assert.ok(own.verify(new X509Certificate(workload.current()?.roots ?? '').publicKey));
});
