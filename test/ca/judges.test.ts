// Our certificates before strangers: `openssl verify`, Go's crypto/x509 and SPIFFE's own Go library accept each kind that we sign, and refuse what is
// wrong with it. The Go program is built from go-judge/ with modules that Go fetches; without Go the test says that it is skipped.
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { systemClock } from '#base/clock.ts';
import { signRequest } from '#ca/authority.ts';
import { writeRoot } from '#ca/certificate-writer.ts';
import { makeCertificateRequest } from '#ca/client/csr.ts';
import { readSigningSet, type SetTexts, type SigningSet } from '#ca/signing-set.ts';
import { make } from '#test/ca/openssl.ts';
import { once } from '#test/support/once.ts';
import { type TemporaryFolder, temporaryFolder } from '#test/support/temporary-folder.ts';

const run = promisify(execFile);
const hello = 'spiffe://cluster.local/ns/default/sa/hello';
const none: SetTexts = { certificate: undefined, key: undefined, chain: undefined, roots: undefined, crl: undefined };

/** What a judge says of a chain: undefined where it accepts it. */
type Judge = (chainFile: string, rootsFile: string) => Promise<string | undefined>;

const openssl: Judge = async (chainFile, rootsFile) => {
  const verdicts = ['sslserver', 'sslclient'].map((purpose) =>
    run('openssl', ['verify', '-x509_strict', '-purpose', purpose, '-CAfile', rootsFile, '-untrusted', chainFile, chainFile]),
  );
  return Promise.all(verdicts).then(
    () => undefined,
    (error: Error) => error.message,
  );
};

/** The program, or why there is none. */
const goJudge = once(async (): Promise<{ readonly judge: Judge; readonly folder: TemporaryFolder } | string> => {
  if (spawnSync('go', ['version']).status !== 0) return 'Go is not installed: certificates are judged by openssl alone (see CONTRIBUTING.md)';
  const folder = await temporaryFolder();
  const program = join(folder.path, 'go-judge');
  const built = spawnSync('go', ['build', '-o', program, '.'], { cwd: join(import.meta.dirname, 'go-judge'), encoding: 'utf8' });
  if (built.status !== 0) return `the Go program cannot be built: ${built.stderr}`;
  const judge: Judge = (chainFile, rootsFile) =>
    run(program, [chainFile, rootsFile, 'cluster.local']).then(
      ({ stdout }) => (stdout.trim() === hello ? undefined : `it speaks for ${stdout}`),
      (error: Error) => error.message,
    );
  return { judge, folder };
});

type Case = { readonly name: string; readonly set: SigningSet };

function signing(texts: SetTexts): SigningSet {
  const set = readSigningSet(texts, Date.now());
  assert.ok(set.ok, JSON.stringify(set));
  return set.value;
}

async function authorities(folder: string): Promise<readonly Case[]> {
  const nowMs = Date.now();
  const own = writeRoot({ notBeforeMs: nowMs - 60_000, notAfterMs: nowMs + 86_400_000 });
  const ownKey = own.key.export({ format: 'pem', type: 'pkcs8' }).toString();
  const root = make(folder, 'root', { key: 'rsa' });
  const middle = make(folder, 'middle', { issuer: root });
  const large = make(folder, 'large', { key: 'ec-384' });
  const signer = make(folder, 'signer', { issuer: middle, key: 'rsa' });
  return [
    { name: 'a root of our own', set: signing({ ...none, certificate: own.certificate.toString(), key: ownKey }) },
    { name: 'a root of RSA', set: signing({ ...none, certificate: root.certificate, key: root.key }) },
    { name: 'a root on a larger curve', set: signing({ ...none, certificate: large.certificate, key: large.key }) },
    {
      name: 'two steps below a root',
      set: signing({ ...none, certificate: signer.certificate, key: signer.key, chain: middle.certificate, roots: root.certificate }),
    },
  ];
}

async function judgeAll(judge: Judge): Promise<void> {
  await using folder = await temporaryFolder();
  const identity = { trustDomain: 'cluster.local', namespace: 'default', serviceAccount: 'hello' };
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder.path, name), text);
    return join(folder.path, name);
  };
  const stranger = make(folder.path, 'stranger');
  for (const { name, set } of await authorities(folder.path)) {
    for (const keyType of ['ecdsa', { rsaBits: 2048 }] as const) {
      const { csr } = await makeCertificateRequest(keyType);
      const answer = await signRequest({ set, clock: systemClock, csr, identity });
      assert.ok(answer.ok, JSON.stringify(answer));
      const [leaf = '', ...rest] = answer.value;
      const chain = file('chain.pem', [leaf, ...rest.slice(0, -1)].join(''));
      const roots = file('roots.pem', rest.at(-1) ?? '');
      assert.equal(await judge(chain, roots), undefined, `${JSON.stringify(keyType)} under ${name}`);
      assert.notEqual(await judge(chain, stranger.certificateFile), undefined, 'another root');
      if (rest.length > 1) assert.notEqual(await judge(file('leaf.pem', leaf), roots), undefined, 'a chain with a hole');
      const forged = file('forged.pem', flipped(leaf) + rest.slice(0, -1).join(''));
      assert.notEqual(await judge(forged, roots), undefined, 'a signature with a bit changed');
    }
  }
}

/** The last bytes are the signature's. */
function flipped(pem: string): string {
  const der = Buffer.from(pem.replace(/-----.*-----|\s/g, ''), 'base64');
  der[der.length - 1] = (der[der.length - 1] ?? 0) ^ 1;
  return `-----BEGIN CERTIFICATE-----\n${(der.toString('base64').match(/.{1,64}/g) ?? []).join('\n')}\n-----END CERTIFICATE-----\n`;
}

test('openssl accepts what we sign, and refuses what is wrong', () => judgeAll(openssl));

test('Go and SPIFFE’s library accept what we sign, and refuse what is wrong', async (t) => {
  const made = await goJudge();
  if (typeof made === 'string') {
    t.skip(made);
    return;
  }
  t.after(() => made.folder[Symbol.asyncDispose]());
  await judgeAll(made.judge);
  await using folder = await temporaryFolder();
  const root = make(folder.path, 'root');
  const other = make(folder.path, 'other', { issuer: root, ca: false, names: 'URI:spiffe://other/ns/default/sa/hello' });
  assert.notEqual(await made.judge(other.certificateFile, root.certificateFile), undefined, 'another trust domain');
});
