// What holds of a command that joins a mesh from another terminal, whichever network and data plane it has: tables of steps for the scenarios.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import type { StartMesh, Up } from '#test/scenario/up.ts';
import { type ProcessUser, type RunningProcess, startHeddle } from '#test/support/start-process.ts';
import { waitUntil } from '#test/support/wait-until.ts';

type Outcome = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

/** Answers with the version it was started with, on PORT or 8080. */
const server = `
const http = require('node:http');
const answer = (request, response) => setTimeout(() => response.end('from ' + (process.env.NAME ?? 'the run')), 20);
const listening = http.createServer(answer).listen(Number(process.env.PORT ?? process.argv[1] ?? 8080), process.env.HOST);
process.on('SIGTERM', () => listening.close(() => process.exit(0)));
`;

export type RunCase = { readonly up: Up; readonly user: ProcessUser | undefined };

export function startRun({ up, user }: RunCase, args: readonly string[], command: readonly string[]): Promise<RunningProcess> {
  const words = ['run', '--state-dir', `${up.folder.path}/state`, ...args, '--', ...command];
  const env = { PORT: undefined, HOST: undefined, RUN_FOLDER: up.folder.path };
  return startHeddle(words, { cwd: up.folder.path, user, stopTimeoutMs: 20_000, env });
}

async function run(at: RunCase, args: readonly string[], command: readonly string[]): Promise<Outcome> {
  const running = await startRun(at, args, command);
  const { code } = await running.exited;
  return { code, stdout: running.stdout(), stderr: running.stderr() };
}

/** A command without a port: it calls, it is somebody, its code is ours. */
export async function callsAndEnds(at: RunCase, where: 'loopback' | 'netns'): Promise<void> {
  const called = await run(at, ['--workload', 'caller'], ['sh', '-c', 'curl -sS -m 10 http://hello.default/ && exit 7']);
  assert.match(called.stdout, /^hello from v[12] /, called.stderr);
  assert.equal(called.code, 7, called.stderr);
  const hostname = await run(at, ['--workload', 'caller'], ['sh', '-c', where === 'netns' ? 'hostname; id -u' : 'echo $HOSTNAME; id -u']);
  assert.equal(hostname.stdout, `caller\n${at.user?.uid ?? process.getuid?.() ?? ''}\n`, hostname.stderr);
  const killed = await run(at, ['--workload', 'caller'], ['sh', '-c', 'kill -9 $$']);
  assert.equal(killed.code, 137, killed.stderr);
  const missing = await run(at, ['--workload', 'caller'], ['no-such-program']);
  assert.deepEqual([missing.code, missing.stderr], [127, 'heddle: there is no program no-such-program on PATH\n']);
  const taken = await run(at, ['--workload', 'hello-v1'], ['true']);
  assert.equal(taken.code, 125);
  assert.match(taken.stderr, /there is a workload hello-v1 in namespace default already/);
}

/** Not one request is lost when an endpoint comes, and when it leaves as SIGTERM asks it to. */
export async function servesAndLeaves(at: RunCase): Promise<void> {
  const { up } = at;
  let isOver = false;
  const answers = new Map<string, number>();
  const load = (async () => {
    while (!isOver) {
      const { status, body } = await up.call('hello.example.com');
      const key = status === 200 ? (body.startsWith('from ') ? body : 'hello') : `${status} ${body}`;
      answers.set(key, (answers.get(key) ?? 0) + 1);
    }
  })();
  await using running = await startRun(at, ['--workload', 'guest', '--service', 'hello', '--label', 'version=v1'], [process.execPath, '-e', server]);
  await running.waitForLine(/guest\.default is in the mesh, at hello\.default:80/, 20_000);
  await waitUntil('an answer of the run', () => answers.has('from the run'), { timeoutMs: 20_000 });
  assert.ok((await up.state()).workloads.some(({ name, ready }) => name === 'guest' && ready));
  const { code } = await running.stop();
  assert.equal(code, 0, running.output());
  isOver = true;
  await load;
  assert.deepEqual([...answers.keys()].sort(), ['from the run', 'hello'], JSON.stringify([...answers]));
  assert.ok(!(await up.state()).workloads.some(({ name }) => name === 'guest'));
}

/** A Service is made for it; whoever kills it finds nothing of it afterwards, not even what it left in the background. */
export async function isKilled(at: RunCase): Promise<void> {
  const script = `trap '' HUP; ${process.execPath} -e "$SERVER" 7000 & (setsid sleep 4711 &) ; wait`;
  const words = ['env', `SERVER=${server}`, 'sh', '-c', script];
  await using running = await startRun(at, ['--workload', 'cart-dev', '--service', 'cart', '--port', '7000'], words);
  await running.waitForLine(/cart-dev\.default is in the mesh, at cart\.default:7000/, 20_000);
  const called = await run(at, ['--workload', 'caller'], ['curl', '-sS', '-m', '10', 'http://cart.default:7000/']);
  assert.equal(called.stdout, 'from the run', called.stderr);
  assert.equal(ofThisMesh(at.up).length > 0, true);
  running.signal('SIGKILL');
  await waitUntil('nothing is left of it', () => ofThisMesh(at.up).length === 0, { timeoutMs: 20_000 });
  await waitUntil('the workload has left', async () => !(await at.up.state()).workloads.some(({ name }) => name === 'cart-dev'), {
    timeoutMs: 20_000,
  });
}

/** Commands go with the mesh: without it there is nobody whom they could reach. */
export async function losesItsMesh(at: RunCase): Promise<void> {
  await using running = await startRun(at, ['--workload', 'lost'], ['sh', '-c', 'echo begun; sleep 4711']);
  await running.waitForLine(/begun/, 20_000);
  at.up.process.signal('SIGKILL');
  const { code } = await running.exited;
  // By the mesh's last word, or for want of one.
  assert.ok(code === 137 || code === 143, running.output());
  assert.match(running.stderr(), /the mesh ends|the mesh has ended/);
  await waitUntil('nothing is left of it', () => ofThisMesh(at.up).length === 0, { timeoutMs: 20_000 });
}

/** Processes of runs that were started in the folder of this mesh. */
function ofThisMesh({ folder }: Up): readonly string[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .filter((pid) => {
      try {
        const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
        return variables.some((one) => one.startsWith('HEDDLE_RUN=')) && variables.includes(`RUN_FOLDER=${folder.path}`);
      } catch {
        return false;
      }
    });
}

/** All of it, one after the other, at one mesh. */
export async function runAll(start: StartMesh, path: string, where: 'loopback' | 'netns', user?: ProcessUser): Promise<void> {
  await using up = await start({ path });
  const at: RunCase = { up, user };
  await callsAndEnds(at, where);
  await servesAndLeaves(at);
  await isKilled(at);
  await losesItsMesh(at);
}
