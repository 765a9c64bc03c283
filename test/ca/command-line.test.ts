// `heddle control-plane --ca` as a process of its own, with tokens and a change of the root from the command line: what a user does who runs proxies
// elsewhere.
import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '#base/clock.ts';
import { startWorkloadIdentity } from '#ca/client/client.ts';
import { readCertificates } from '#ca/pem.ts';
import { Log } from '#test/ca/story.ts';
import { freePort } from '#test/support/free-port.ts';
import { startHeddle } from '#test/support/start-process.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { waitUntil } from '#test/support/wait-until.ts';

async function heddle(...args: readonly string[]): Promise<string> {
  const run = await startHeddle(args);
  const { code } = await run.exited;
  assert.equal(code, 0, run.output());
  return run.stdout();
}

const service = 'apiVersion: v1\nkind: Service\nmetadata: { name: hello }\nspec: { ports: [{ name: http, port: 80 }] }\n';

test('a workload elsewhere gets its identity by a token from the command line, keeps it over a restart, and follows a change of the root', async () => {
  await using folder = await temporaryFolder({ 'mesh/hello.yaml': service });
  const ca = join(folder.path, 'ca');
  const securePort = await freePort();
  const start = () =>
    startHeddle(
      ['control-plane', '-c', join(folder.path, 'mesh'), '--xds-port', '0', '--admin-port', '0', '--ca', ca, '--secure-port', String(securePort)],
      { ready: new RegExp(`with TLS on 127\\.0\\.0\\.1:${securePort}, admin API on`) },
    );
  const first = await start();
  const tokenFile = join(folder.path, 'hello.token');
  const said = await heddle('token', 'create', '-n', 'default', '-s', 'hello', '--ttl', '15m', '--ca', ca, '--to', tokenFile);
  assert.match(said, /hello\.token: spiffe:\/\/cluster\.local\/ns\/default\/sa\/hello, until /);
  assert.equal(statSync(tokenFile).mode & 0o777, 0o600);
  const log = new Log();
  const rootsFile = join(folder.path, 'root-cert.pem');
  writeFileSync(rootsFile, readFileSync(join(ca, 'root-cert.pem')));
  const target = `127.0.0.1:${securePort}`;
  await using identity = startWorkloadIdentity({ target, rootsFile, tokenFile, logger: log, clock: systemClock, random: Math.random });
  await waitUntil('the certificate', () => identity.current() !== undefined);
  assert.equal(identity.current()?.identity, 'spiffe://cluster.local/ns/default/sa/hello');

  first.signal('SIGKILL');
  await first.exited;
  await using second = await start();
  const shown = JSON.parse(await heddle('ca', 'show', '--ca', ca, '-o', 'json')) as { readonly roots: readonly { readonly fingerprint: string }[] }; // as printed
  const known = () => {
    const read = readCertificates(identity.current()?.roots ?? '');
    return read.ok ? read.value.map(({ fingerprint256 }) => fingerprint256) : [];
  };
  assert.deepEqual(
    known(),
    shown.roots.map(({ fingerprint }) => fingerprint),
  );
  await heddle('ca', 'rotate', '--ca', ca);
  await waitUntil('both roots', () => known().length === 2);
  await heddle('ca', 'rotate', '--ca', ca, '--sign');
  await waitUntil('the new root signs', () => known().length === 2 && known()[1] === shown.roots[0]?.fingerprint);
  const token = readFileSync(tokenFile, 'utf8').trim();
  for (const text of [first.output(), second.output(), JSON.stringify(log.lines)]) {
    assert.ok(!text.includes(token) && !text.includes('PRIVATE KEY'));
  }

  // A state that is broken is told where the control plane tells all else, and is mended.
  const key = readFileSync(join(ca, 'ca-key.pem'));
  writeFileSync(join(ca, 'ca-key.pem'), 'hello');
  await second.waitForLine(/error \[HDL0090\] the certificate authority cannot be used: .*\/ca-key\.pem: it holds no private key/);
  writeFileSync(join(ca, 'ca-key.pem'), key);
  await second.waitForLine(/mended: 1 finding/);
});

test('where an authority cannot be used, the control plane does not start, and says which file it is', async () => {
  await using folder = await temporaryFolder({ 'mesh/hello.yaml': service, 'ca/ca-cert.pem': 'hello' });
  const run = await startHeddle([
    'control-plane',
    '-c',
    join(folder.path, 'mesh'),
    '--xds-port',
    '0',
    '--admin-port',
    '0',
    '--ca',
    join(folder.path, 'ca'),
  ]);
  assert.equal((await run.exited).code, 2);
  assert.match(run.stderr(), /certificate authority cannot be used: .*\/ca-cert\.pem: it must hold one certificate, not 0/);
});
