import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { defaultValidityMs, longestValidityMs, signRequest } from '#ca/authority.ts';
import { makeCertificateRequest } from '#ca/client/csr.ts';
import { readSigningSet, type SigningSet } from '#ca/signing-set.ts';
import { make, openssl } from '#test/ca/openssl.ts';
import { HandClock } from '#test/support/hand-clock.ts';
import { once } from '#test/support/once.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

const identity = { trustDomain: 'cluster.local', namespace: 'default', serviceAccount: 'hello' };
const own = 'spiffe://cluster.local/ns/default/sa/hello';
const dayMs = 24 * 3_600_000;

/** The hand clock begins in the past; certificates of today begin now. */
class Clock extends HandClock {
  readonly #fromMs = Date.now() + 1_000;
  override readonly nowMs = (): number => this.#fromMs + this.monotonicMs();
}

const signer = once(async (): Promise<SigningSet> => {
  await using folder = await temporaryFolder();
  const root = make(folder.path, 'root', { days: 30 });
  const set = readSigningSet({ certificate: root.certificate, key: root.key, chain: undefined, roots: undefined, crl: undefined }, Date.now());
  assert.ok(set.ok);
  return set.value;
});

async function signed(csr: string, { clock = new Clock(), validityMs = 0 } = {}) {
  const answer = await signRequest({ set: await signer(), clock, csr, identity, validityMs });
  assert.ok(answer.ok, JSON.stringify(answer));
  return new X509Certificate(answer.value[0] ?? '');
}

async function refusal(csr: string, clock = new Clock()) {
  const answer = await signRequest({ set: await signer(), clock, csr, identity });
  assert.ok(!answer.ok);
  return answer.error;
}

/** Made by openssl, with a subject and extensions of all kinds. */
async function requestWith(args: readonly string[], config: string): Promise<string> {
  await using folder = await temporaryFolder({ 'req.cnf': config });
  const file = join(folder.path, 'csr');
  openssl('req', '-new', '-nodes', ...args, '-keyout', join(folder.path, 'key'), '-config', join(folder.path, 'req.cnf'), '-out', file);
  return readFileSync(file, 'utf8');
}

const config = (names: string) =>
  `[req]\nprompt=no\ndistinguished_name=dn\nreq_extensions=ext\n[dn]\nCN=root\nO=system:masters\n[ext]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n${names}`;
const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];

test('nothing of a request counts but its key', async () => {
  const csr = await requestWith(ec, config(`subjectAltName=DNS:istiod.istio-system.svc,URI:${own}\n`));
  const certificate = await signed(csr);
  assert.equal(certificate.subject ?? '', '');
  assert.equal(certificate.subjectAltName, `URI:${own}`);
  assert.equal(certificate.ca, false);
  const text = openssl('req', '-noout', '-pubkey', '-in', await written(csr));
  assert.equal(certificate.publicKey.export({ format: 'pem', type: 'spki' }), text);
});

async function written(text: string): Promise<string> {
  const folder = await temporaryFolder({ file: text });
  return join(folder.path, 'file');
}

test('a request for another identity is denied', async () => {
  const csr = await requestWith(ec, config('subjectAltName=URI:spiffe://cluster.local/ns/default/sa/admin\n'));
  const { kind, reason } = await refusal(csr);
  assert.equal(kind, 'denied');
  assert.match(reason, /sa\/admin.*caller is spiffe:\/\/cluster\.local\/ns\/default\/sa\/hello/);
});

test('a certificate lives 24 h, or as asked up to 90 days, never longer than its authority, and began two minutes ago', async () => {
  const { csr } = await makeCertificateRequest('ecdsa');
  const clock = new Clock();
  const lifeMs = async (validityMs: number) => Date.parse((await signed(csr, { clock, validityMs })).validTo) - clock.nowMs();
  const near = (actualMs: number, expectedMs: number) => assert.ok(Math.abs(actualMs - expectedMs) <= 1000, `${actualMs} beside ${expectedMs}`);
  near(await lifeMs(0), defaultValidityMs);
  near(await lifeMs(3_600_000), 3_600_000);
  const ownEndMs = (await signer()).notAfterMs - clock.nowMs();
  near(await lifeMs(1000 * dayMs), Math.min(longestValidityMs, ownEndMs));
  clock.advance(20 * dayMs);
  near(await lifeMs(20 * dayMs), ownEndMs - 20 * dayMs);
  near(clock.nowMs() - Date.parse((await signed(csr, { clock })).validFrom), 120_000);
  clock.advance(20 * dayMs);
  const { kind, reason } = await refusal(csr, clock);
  assert.equal(kind, 'unavailable');
  assert.match(reason, /expired/);
});

test('each certificate has a number of its own', async () => {
  const { csr } = await makeCertificateRequest('ecdsa');
  const numbers = await Promise.all(Array.from({ length: 20 }, async () => (await signed(csr)).serialNumber));
  assert.equal(new Set(numbers).size, 20);
});

test('what is no request for a good key is refused', async () => {
  const { csr } = await makeCertificateRequest('ecdsa');
  const { csr: other } = await makeCertificateRequest('ecdsa');
  const bytes = (pem: string) => Buffer.from(pem.replace(/-----.*-----|\s/g, ''), 'base64');
  const pem = (der: Buffer) => `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
  // The key of one request under the signature of another.
  const spliced = Buffer.from(bytes(csr));
  bytes(other).copy(spliced, 25, 25, 60);
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['nothing', '', /PEM/],
    ['text', 'hello', /PEM/],
    ['two requests', csr + other, /PEM/],
    ['a key beside it', `${csr}-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n`, /PEM/],
    ['half of it', pem(bytes(csr).subarray(0, 60)), /cannot be read/],
    ['bytes of nothing', pem(Buffer.alloc(200, 0x30)), /cannot be read/],
    ['a foreign signature', pem(spliced), /signature|cannot be read/],
    ['too long', pem(Buffer.alloc(100_000)), /longer/],
    ['a weak key', await requestWith(['-newkey', 'rsa:1024'], config('')), /2048/],
    ['a key of another kind', await requestWith(['-newkey', 'ed25519'], config('')), /ECDSA or RSA/],
    ['a curve of another kind', await requestWith(['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp256k1'], config('')), /P-256/],
  ];
  for (const [name, text, expected] of cases) {
    const { kind, reason } = await refusal(text);
    assert.equal(kind, 'invalid', name);
    assert.match(reason, expected, name);
  }
});

test('a request whose every byte is changed once is refused or read, and never breaks anything', async () => {
  const { csr } = await makeCertificateRequest('ecdsa');
  const der = Buffer.from(csr.replace(/-----.*-----|\s/g, ''), 'base64');
  let accepted = 0;
  for (let at = 0; at < der.length; at++) {
    const changed = Buffer.from(der);
    changed[at] = (changed[at] ?? 0) ^ 0x41;
    const text = `-----BEGIN CERTIFICATE REQUEST-----\n${changed.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
    const answer = await signRequest({ set: await signer(), clock: new Clock(), csr: text, identity });
    if (answer.ok) accepted += 1;
  }
  assert.equal(accepted, 0);
});
