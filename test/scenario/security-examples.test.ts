// examples/security: each README shows calls and answers; here they are made, as they stand, on both data planes.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type DataPlane, example, onBothDataPlanes, startUp, type Up } from '#test/scenario/up.ts';
import { freePort } from '#test/support/free-port.ts';
import { runCalls, shownCalls } from '#test/support/readme-calls.ts';
import { type TemporaryFolder, temporaryFolder } from '#test/support/temporary-folder.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const examples = ['strict-mtls', 'deny-by-default', 'external-authorizer', 'jwt', 'tls-gateway', 'egress-tls'] as const;
type Example = (typeof examples)[number];

for (const name of examples) {
  onBothDataPlanes(`security example ${name}: the answers are those that its README shows`, (dataPlane) => answersAsShown(name, dataPlane), {
    atOnce: true,
  });
}

async function answersAsShown(name: Example, dataPlane: DataPlane): Promise<void> {
  await using folder = await copyOf(name);
  await using _outside = name === 'egress-tls' ? await startOutside(folder) : undefined;
  await using up = await startUp(dataPlane, { path: folder.path });
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

/** The program outside of egress-tls, on a port of its own, which the ServiceEntry of the copy then names. */
async function startOutside(folder: TemporaryFolder): Promise<AsyncDisposable> {
  const port = await freePort();
  const file = 'outside.yaml';
  await folder.write(file, (await readFile(join(folder.path, file), 'utf8')).replace('9943', String(port)));
  const child = spawn(process.execPath, [join(folder.path, 'outside.ts')], {
    env: { ...process.env, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve());
    child.once('exit', () => reject(new Error('the program outside ended')));
  });
  return {
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await exited;
    },
  };
}

async function callsOn(up: Up, folder: TemporaryFolder, calls: ReturnType<typeof shownCalls>): Promise<readonly string[]> {
  const { workloads, gatewayPorts = [] } = await up.state();
  const address = (workload: string): string => workloads.find(({ name }) => name === workload)?.address ?? '';
  const https = gatewayPorts.find(({ protocol }) => protocol === 'https')?.address;
  return runCalls(calls, {
    cwd: folder.path,
    environment: { PRICES: address('prices') },
    replaced: [
      ['127.0.0.1:8080', `127.0.0.1:${up.gatewayPort}`],
      ...(https === undefined ? [] : ([['127.0.0.1:8443', https]] as const)),
      ['cd examples/security/tls-gateway', 'true'],
    ],
  });
}
