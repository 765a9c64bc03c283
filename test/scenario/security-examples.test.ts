// examples/security: each README shows calls and answers; here they are made, as they stand, on both data planes and in both networks.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { inEachNetwork } from '#test/scenario/own-network.ts';
import { example, type StartMesh, type Up } from '#test/scenario/up.ts';
import { runCalls, shownCalls } from '#test/support/readme-calls.ts';
import { type TemporaryFolder, temporaryFolder } from '#test/support/temporary-folder.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const examples = ['strict-mtls', 'deny-by-default', 'external-authorizer', 'jwt', 'tls-gateway', 'egress-tls'] as const;
type Example = (typeof examples)[number];

const program = fileURLToPath(new URL('../../bin/heddle.js', import.meta.url));

for (const name of examples) {
  inEachNetwork(`security example ${name}: the answers are those that its README shows`, (start) => answersAsShown(name, start), {
    atOnce: true,
  });
}

async function answersAsShown(name: Example, start: StartMesh): Promise<void> {
  await using folder = await copyOf(name);
  await using up = await start({ path: folder.path });
  const calls = shownCalls(await readFile(join(folder.path, 'README.md'), 'utf8'));
  assert.ok(calls.length > 0, 'the README shows calls');
  const run = (): Promise<readonly string[]> => callsOn(up, folder, calls);
  // Policies reach proxies in their own time, keys of an issuer that has just started too; the whole table is asked again until it holds.
  const expected = calls.map(({ output }) => output);
  let seen: readonly string[] = [];
  await waitUntil('the calls answer as shown', async () => (seen = await run()).join('\n') === expected.join('\n'), { timeoutMs: 20_000 }).catch(
    () => {},
  );
  assert.deepEqual(pairs(calls, seen), pairs(calls, expected));
  assert.deepEqual(findingsLeft(up), [], 'the example is without a flaw');
  if (name !== 'strict-mtls') return;
  // As its README says; and no answer for another reason than the policy would look the same.
  await rm(join(folder.path, 'strict.yaml'));
  await waitUntil('plaintext is taken again', async () => (await run()).at(-1) === '200', { timeoutMs: 20_000 });
}

function pairs(calls: readonly { readonly command: string }[], outputs: readonly string[]): readonly string[] {
  return calls.map(({ command }, index) => `$ ${command}\n${outputs[index] ?? ''}`);
}

/** What was found and is not gone: an issuer whose keys are asked for before it runs is told of, and then taken back. */
function findingsLeft(up: Up): readonly string[] {
  const left = new Set<string>();
  for (const { kind, diagnostics = [] } of up.events()) {
    for (const { message } of diagnostics) {
      if (kind === 'diagnostics gone') left.delete(message);
      else left.add(message);
    }
  }
  return [...left];
}

/** The example in a folder of its own, with the certificates that it tells its reader to make. */
async function copyOf(name: Example): Promise<TemporaryFolder> {
  const folder = await temporaryFolder();
  await cp(example(`security/${name}`), folder.path, { recursive: true, filter: (file) => !/\/(certificates|secrets\.yaml|\.heddle)$/.test(file) });
  if (name === 'tls-gateway' || name === 'egress-tls') await promisify(execFile)('sh', [join(folder.path, 'certificates.sh')]);
  return folder;
}

async function callsOn(up: Up, folder: TemporaryFolder, calls: ReturnType<typeof shownCalls>): Promise<readonly string[]> {
  const { gatewayPorts = [] } = await up.state();
  const https = gatewayPorts.find(({ protocol }) => protocol === 'https')?.address;
  return runCalls(calls, {
    cwd: folder.path,
    environment: {},
    replaced: [
      ['npx heddle exec', `${process.execPath} ${program} exec --state-dir ${up.folder.path}/state`],
      ['127.0.0.1:8080', `127.0.0.1:${up.gatewayPort}`],
      ...(https === undefined ? [] : ([['127.0.0.1:8443', https]] as const)),
      ['cd examples/security/tls-gateway', 'true'],
    ],
  });
}
