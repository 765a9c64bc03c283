import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCertificates } from '#ca/pem.ts';
import { readSigningSet, type SetTexts } from '#ca/signing-set.ts';
import { type Made, make, revoke } from '#test/ca/openssl.ts';
import { once } from '#test/support/once.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

const none: SetTexts = { certificate: undefined, key: undefined, chain: undefined, roots: undefined, crl: undefined };

/** A root, an intermediate of it, one of that, and a stranger. */
const made = once(async () => {
  await using folder = await temporaryFolder();
  const root = make(folder.path, 'root', { key: 'rsa' });
  const middle = make(folder.path, 'middle', { issuer: root });
  const signer = make(folder.path, 'signer', { issuer: middle, days: 10 });
  const leaf = make(folder.path, 'leaf', { issuer: middle, ca: false });
  const weak = make(folder.path, 'weak', { key: 'rsa-1024' });
  const odd = make(folder.path, 'odd', { key: 'ed25519' });
  const stranger = make(folder.path, 'stranger');
  const list = (issuer: Made, certificates: readonly string[] = []) => revoke(folder.path, issuer, certificates);
  const lists = { root: list(root), middle: list(middle), signer: list(signer), stranger: list(stranger, [leaf.certificate]) };
  return { root, middle, signer, leaf, weak, odd, stranger, lists };
});

async function plugged(): Promise<SetTexts> {
  const { root, middle, signer } = await made();
  return { ...none, certificate: signer.certificate, key: signer.key, chain: signer.certificate + middle.certificate, roots: root.certificate };
}

function subjects(pem: string): readonly string[] {
  const read = readCertificates(pem);
  assert.ok(read.ok);
  return read.value.map(({ subject }) => /CN=(\w+)/.exec(subject)?.[1] ?? '');
}

test('a root that signs itself needs nothing else', async () => {
  const { root } = await made();
  const set = readSigningSet({ ...none, certificate: root.certificate, key: root.key }, Date.now());
  assert.ok(set.ok);
  assert.equal(set.value.intermediates, '');
  assert.deepEqual(subjects(set.value.roots), ['root']);
});

test('a plugged-in authority goes out with what is between it and its root, which is the first of the roots', async () => {
  const { root, stranger, middle, signer, lists } = await made();
  const crl = lists.root + lists.middle + lists.signer + lists.stranger;
  const texts = await plugged();
  const set = readSigningSet({ ...texts, roots: stranger.certificate + root.certificate, crl }, Date.now());
  assert.ok(set.ok);
  assert.deepEqual(subjects(set.value.intermediates), ['signer', 'middle']);
  assert.deepEqual(subjects(set.value.roots), ['root', 'stranger']);
  assert.equal(set.value.crl, crl);
  assert.ok(set.value.notAfterMs < Date.now() + 11 * 24 * 3_600_000, 'the first on the way that ends');
  const withRoot = readSigningSet({ ...texts, chain: signer.certificate + middle.certificate + root.certificate }, Date.now());
  assert.ok(withRoot.ok);
  assert.equal(withRoot.value.intermediates, set.value.intermediates);
});

test('what does not fit together is refused with the file and the reason', async () => {
  const { root, middle, signer, leaf, weak, odd, stranger, lists } = await made();
  const good = await plugged();
  const cases: readonly (readonly [string, SetTexts, string, RegExp])[] = [
    ['nothing', none, 'certificate', /missing/],
    ['no key', { ...good, key: undefined }, 'key', /missing/],
    ['no root', { ...good, roots: undefined }, 'roots', /missing/],
    ['half a certificate', { ...good, certificate: signer.certificate.slice(0, 300) }, 'certificate', /cut off/],
    [
      'a certificate with a letter changed',
      { ...good, certificate: signer.certificate.replace(/^(MII.{9})../m, '$1==') },
      'certificate',
      /line 1|cut off/,
    ],
    ['text', { ...good, certificate: 'hello' }, 'certificate', /one certificate, not 0/],
    ['two signers', { ...good, certificate: signer.certificate + middle.certificate }, 'certificate', /one certificate, not 2/],
    ['a workload’s certificate', { ...good, certificate: leaf.certificate, key: leaf.key }, 'certificate', /CA:FALSE/],
    ['half a key', { ...good, key: signer.key.slice(0, 100) }, 'key', /no private key/],
    ['the key of another', { ...good, key: stranger.key }, 'key', /does not fit/],
    ['a weak key', { ...none, certificate: weak.certificate, key: weak.key }, 'key', /2048/],
    ['a key of another kind', { ...none, certificate: odd.certificate, key: odd.key }, 'key', /ECDSA or RSA/],
    ['a chain with a hole', { ...good, chain: undefined }, 'roots', /none of the roots signed/],
    ['a chain in the wrong order', { ...good, chain: stranger.certificate + middle.certificate }, 'chain', /broken/],
    ['half a chain', { ...good, chain: middle.certificate.slice(0, 400) }, 'chain', /cut off/],
    ['the root of another', { ...good, roots: stranger.certificate }, 'roots', /none of the roots signed/],
    ['a workload among the roots', { ...good, roots: root.certificate + leaf.certificate }, 'roots', /CA:FALSE/],
    ['a key among the roots', { ...good, roots: root.certificate + root.key }, 'roots', /more than certificates/],
    ['a list that is none', { ...good, crl: 'hello' }, 'crl', /revocation list/],
    ['half a list', { ...good, crl: lists.root + lists.middle.slice(0, 200) }, 'crl', /cannot be read/],
    ['an authority without a list', { ...good, crl: lists.root + lists.signer + lists.stranger }, 'crl', /no list of .*middle/],
  ];
  for (const [name, texts, file, reason] of cases) {
    const set = readSigningSet(texts, Date.now());
    assert.ok(!set.ok, name);
    assert.equal(set.error.file, file, name);
    assert.match(set.error.reason, reason, name);
    assert.doesNotMatch(set.error.reason, /PRIVATE KEY-----\n/, name);
  }
  const alone = { ...none, certificate: stranger.certificate, key: stranger.key, crl: lists.stranger };
  assert.ok(readSigningSet(alone, Date.now()).ok);
  assert.match(JSON.stringify(readSigningSet(good, Date.now() + 11 * 24 * 3_600_000)), /expired/);
});
