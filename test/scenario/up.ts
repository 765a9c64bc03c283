// `heddle up` for scenarios: on free ports, with a state folder of its own, told by its events when it is ready; the same table of
// scenarios runs on both data planes.
import { readFileSync } from 'node:fs';
import { chown, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { envoyTest } from '#test/support/envoy.ts';
import { type HttpAnswer, httpCall } from '#test/support/http-call.ts';
import { type ProcessUser, type RunningProcess, startHeddle } from '#test/support/start-process.ts';
import { type TemporaryFolder, temporaryFolder } from '#test/support/temporary-folder.ts';
import { waitUntil } from '#test/support/wait-until.ts';

export type DataPlane = 'embedded' | 'envoy';

/** One scenario, once per data plane: one after the other, or `atOnce` where both mostly wait. */
export function onBothDataPlanes(name: string, run: (dataPlane: DataPlane) => Promise<void>, { atOnce = false } = {}): void {
  void describe(name, { concurrency: atOnce ? 2 : 1 }, () => {
    void test(`embedded: ${name}`, () => run('embedded'));
    envoyTest(`envoy: ${name}`, () => run('envoy'));
  });
}

/** The parts of an event line that scenarios look at. */
export type EventLine = {
  readonly time: string;
  readonly kind: string;
  readonly changed?: readonly string[];
  readonly workload?: string;
  readonly container?: string;
  readonly how?: string;
  readonly hint?: string;
  readonly lastLines?: readonly string[];
  readonly state?: UpState;
  readonly afterMs?: number;
  readonly waitingFor?: readonly { readonly workload: string; readonly reason: string; readonly hint?: string }[];
  readonly diagnostics?: readonly {
    readonly code: string;
    readonly message: string;
    readonly at?: { readonly file: string; readonly line: number };
  }[];
};

export type UpState = {
  readonly pid: number;
  readonly gatewayUrl: string;
  readonly gatewayPorts?: readonly { readonly port: number; readonly protocol: string; readonly address: string }[];
  readonly adminUrl: string;
  readonly workloads: readonly {
    readonly name: string;
    readonly namespace: string;
    readonly proxyAdmin?: string;
    readonly ready: boolean;
    readonly restarts: number;
    readonly address: string;
    readonly ports: Readonly<Record<string, { readonly listen: number; readonly app?: number }>>;
  }[];
  readonly processes: readonly { readonly pid: number; readonly name: string }[];
};

export type Up = AsyncDisposable & {
  readonly process: RunningProcess;
  readonly folder: TemporaryFolder;
  readonly gatewayPort: number;
  readonly state: () => Promise<UpState>;
  readonly events: () => readonly EventLine[];
  /** The first event that fits, of those so far or to come. */
  readonly event: (what: string, fits: (event: EventLine) => boolean, timeoutMs?: number) => Promise<EventLine>;
  readonly call: (host: string, path?: string, headers?: Readonly<Record<string, string>>) => Promise<HttpAnswer>;
  readonly log: (name: string) => Promise<string>;
};

const root = fileURLToPath(new URL('../..', import.meta.url));

export function example(name: string): string {
  return `${root}examples/${name}`;
}

/** A mesh of this network and data plane. */
export type StartMesh = (options: UpOptions) => Promise<Up>;

/** Loopback unless the environment asks for all scenarios in another network, to see which hold there: HEDDLE_TEST_NETWORK=netns. */
export const usualNetwork = process.env['HEDDLE_TEST_NETWORK'] === 'netns' ? 'netns' : 'loopback';

export type UpOptions = {
  readonly path?: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly untilReady?: boolean;
  readonly logLevel?: 'debug' | 'warn';
  readonly network?: 'loopback' | 'netns' | 'auto';
  /** As whom the command runs, where that is not who runs the test. */
  readonly user?: ProcessUser | undefined;
  /** Of the command, beside those that all have. */
  readonly options?: readonly string[];
};

/** In a temporary folder: `state` for state and logs, `mesh` for `files`, which are what runs where no path is given. */
export async function startUp(
  dataPlane: DataPlane,
  { path, files = {}, untilReady = true, logLevel = 'warn', network = usualNetwork, user, options = [] }: UpOptions,
): Promise<Up> {
  const folder = await temporaryFolder(Object.fromEntries(Object.entries(files).map(([name, text]) => [`mesh/${name}`, text])));
  if (user !== undefined) await chown(folder.path, user.uid, user.gid);
  const state = `${folder.path}/state`;
  const asked = ['--data-plane', dataPlane, '--network', network, '--gateway-port', '0', '--state-dir', state, '--log-level', logLevel];
  const args = ['up', path ?? `${folder.path}/mesh`, ...asked, '-o', 'json', ...options];
  const process = await startHeddle(args, { cwd: folder.path, stopTimeoutMs: 15_000, user });
  const events = (): readonly EventLine[] =>
    process
      .stdout()
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as EventLine); // what the command prints, as far as scenarios look at it
  const readState = async (): Promise<UpState> => JSON.parse(await readFile(`${state}/state.json`, 'utf8')) as UpState; // likewise
  const event: Up['event'] = async (what, fits, timeoutMs = 15_000) => {
    let ended = false;
    void process.exited.then(() => (ended = true));
    const found = await waitUntil(what, () => events().find(fits) ?? (ended ? 'ended' : undefined), { timeoutMs }).catch(() => 'late' as const);
    if (typeof found === 'object') return found;
    throw new Error(`no event: ${what}; ${found === 'ended' ? 'the process ended' : 'time is up'}. There were:\n${process.output()}`);
  };
  const stop = async (): Promise<void> => {
    await process[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  };
  let gatewayPort = 0;
  if (untilReady) {
    try {
      const ready = await event('mesh ready', ({ kind }) => kind === 'mesh ready', 60_000);
      gatewayPort = Number(new URL(ready.state?.gatewayUrl ?? 'http://none:0').port);
    } catch (error) {
      await stop();
      throw error;
    }
  }
  return {
    process,
    folder,
    gatewayPort,
    state: readState,
    events,
    event,
    call: (host, path_ = '/', headers = {}) => httpCall({ port: gatewayPort, path: path_, headers: { host, ...headers } }),
    log: (name) => readFile(`${state}/logs/${name}.log`, 'utf8'),
    [Symbol.asyncDispose]: stop,
  };
}

/** Whether a process of this pid runs; one that has ended and that nobody has asked for its exit code does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    const stat = process.platform === 'linux' ? readFileSync(`/proc/${pid}/stat`, 'utf8') : '';
    return !/\) Z /.test(stat);
  } catch {
    return false;
  }
}

/** Whether 127.0.0.1:`port` can be bound. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
