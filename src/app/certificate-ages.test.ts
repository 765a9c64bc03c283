import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, test } from 'node:test';
import { CertificateWatch, certificateAges } from '#app/certificate-ages.ts';
import { SecretText } from '#base/secret-text.ts';
import type { Credential } from '#model/credential.ts';
import { startAuthority } from '#test/support/certificates.ts';
import { HandClock } from '#test/support/hand-clock.ts';

const authority = await startAuthority();
after(() => authority[Symbol.asyncDispose]());
const year = await authority.issue('year', ['DNS:year.example.com'], 365);
const short = await authority.issue('short', ['DNS:short.example.com'], 1);
const origin = { file: 'f.yaml', line: 1, col: 1 };
const dayMs = 86_400_000;

function credential(name: string, parts: Partial<Credential>): Credential {
  return { kind: 'secret', namespace: 'shop', name, origin, ...parts };
}

const web = credential('web', { keyPair: { chain: year.certificate, key: new SecretText(year.key) } });
const { validFromDate: from, validToDate: to } = new X509Certificate(year.certificate);
const lastDay = to.toISOString().slice(0, 10);

function saidAt(nowMs: number, ...credentials: readonly Credential[]): readonly string[] {
  return certificateAges(credentials, nowMs).diagnostics.map(({ code, severity, message }) => `${code} ${severity} ${message}`);
}

test('a certificate is named a week before its end, after it, and before its beginning', () => {
  assert.deepEqual(saidAt(from.getTime(), web), []);
  assert.deepEqual(saidAt(to.getTime() - 8 * dayMs, web), []);
  assert.deepEqual(saidAt(to.getTime() - 6 * dayMs, web), [`HDL0081 warning Secret shop/web: its certificate expires on ${lastDay}`]);
  assert.deepEqual(saidAt(to.getTime(), web), [`HDL0081 warning Secret shop/web: its certificate expired on ${lastDay}`]);
  assert.match(saidAt(from.getTime() - dayMs, web).join(), /is not valid before/);
});

test('certificates that live for days are renewed all the time, and only named when that has failed', () => {
  const pair = credential('pair', { keyPair: { chain: short.certificate, key: new SecretText(short.key) } });
  const end = new X509Certificate(short.certificate).validToDate.getTime();
  assert.deepEqual(saidAt(end - 1000, pair), []);
  assert.equal(saidAt(end, pair).length, 1);
});

test('of several roots the one that lasts longest counts', () => {
  const end = new X509Certificate(authority.ca).validToDate.getTime();
  assert.match(saidAt(end, credential('ca', { roots: authority.ca })).join(), /its root expired/);
  assert.deepEqual(saidAt(end, credential('ca', { roots: `${authority.ca}${year.certificate}` })), []);
});

test('what time brings is told when it comes, without a change of the mesh', () => {
  const clock = new HandClock();
  const start = clock.nowMs();
  // The hand clock stands in the past of the certificate: it is not valid yet, and comes of age by and by.
  const heard: string[][] = [];
  let changed: () => void = () => {};
  const watched = {
    credentials: () => [web],
    onChange: (listener: () => void) => {
      changed = listener;
      return () => (changed = () => {});
    },
  };
  {
    using watch = new CertificateWatch(watched, clock);
    watch.onChange(() => heard.push(watch.diagnostics().map(({ message }) => message)));
    clock.advance(from.getTime() - start);
    assert.deepEqual(heard.at(-1), []);
    const before = heard.length;
    clock.advance(to.getTime() - clock.nowMs());
    assert.ok(heard.length > before);
    assert.match(heard.at(-1)?.join() ?? '', /expired/);
    assert.equal(clock.pending, 0, 'nothing is left to wait for');
    changed();
  }
  assert.equal(clock.pending, 0);
});
