// `heddle up [PATH…]`: runs a mesh until Ctrl-C and prints what happens, one line per event, or one JSON object each with -o json.
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type AdminDoorFiles, readAdminDoor } from '#app/admin-door.ts';
import type { UpEvent } from '#app/up/event.ts';
import type { UpOptions } from '#app/up/options.ts';
import { startMesh } from '#app/up.ts';
import { systemClock } from '#base/clock.ts';
import type { LogLevel } from '#base/logger.ts';
import { withAdminOptions } from '#cli/admin-options.ts';
import { diagnosticLines, eventLines } from '#cli/event-line.ts';
import { fail, paintFor } from '#cli/style.ts';

type Options = AdminDoorFiles & {
  readonly dataPlane: UpOptions['dataPlane'];
  readonly gatewayPort: number;
  readonly adminPort: number;
  readonly stateDir: string;
  readonly logLevel: LogLevel;
  readonly explainDenials: boolean;
  readonly output: 'text' | 'json';
};

/** What a pod may take to end when Ctrl-C was pressed. */
const graceMs = 10_000;

const examples = `
Each PATH is a YAML file or a folder of them; without one, the present folder. An image becomes a local command by a heddle.yaml
beside the YAML:
  images:
    "hello:1.0":
      command: [node, server.ts]

Examples:
  heddle up examples/hello
  heddle up my-mesh/ --data-plane envoy --gateway-port 0
  heddle up my-mesh/ -o json | jq -c 'select(.kind == "exited")'
`;

export function upCommand(): Command {
  const command = new Command('up')
    .description(
      'Runs the mesh of these YAML files on this machine: each pod as local processes with a proxy of its own. Changes of files act at once.',
    )
    .argument('[path...]', 'YAML files and folders')
    .addOption(new Option('--data-plane <which>', 'which proxy runs beside each pod').choices(['embedded', 'envoy']).default('embedded'))
    .option('--gateway-port <port>', 'where the ingress gateway takes HTTP; 0 takes any free port', port, 8080)
    .option('--admin-port <port>', 'where the admin interface answers; 0 takes any free port', port, 0);
  return withAdminOptions(command)
    .option('--state-dir <folder>', 'state and logs go here', '.heddle')
    .addOption(new Option('--log-level <level>', 'of the control plane and the proxies').choices(['debug', 'info', 'warn', 'error']).default('warn'))
    .option('--explain-denials', 'answers to denied requests say which policy, rule and field decided (embedded proxies)', false)
    .addOption(new Option('-o, --output <format>', 'text, or one JSON object per event').choices(['text', 'json']).default('text'))
    .addHelpText('after', examples)
    .action(runMesh);
}

async function runMesh(given: readonly string[], options: Options): Promise<void> {
  const paths = given.length > 0 ? given : ['.'];
  const missing = paths.find((path) => statSync(path, { throwIfNoEntry: false }) === undefined);
  if (missing !== undefined) {
    fail(`there is no file or folder ${missing}`, { hint: `an example to begin with: heddle up ${examplePath()}` });
    return;
  }
  const door = readAdminDoor(options);
  if (!door.ok) {
    fail(door.error.message, { hint: door.error.hint });
    return;
  }
  const ended = Promise.withResolvers<void>();
  const onEvent = options.output === 'json' ? printJson : textPrinter();
  const signals = new AbortController();
  const interrupts = interruptions(signals.signal);
  const started = await startMesh({
    ...options,
    adminDoor: door.value,
    paths,
    stateFolder: options.stateDir,
    environment: process.env,
    nodeProgram: process.execPath,
    clock: systemClock,
    startedMs: 0, // systemClock counts from the start of this process
    random: Math.random,
    onEvent,
  });
  if (!started.ok) {
    signals.abort();
    const { message, hint, diagnostics, exitCode } = started.error;
    if (diagnostics.length > 0) process.stderr.write(`${diagnosticLines(diagnostics, paintFor(process.stderr))}\n`);
    const isEmpty = given.length === 0 && exitCode === 2;
    fail(message, { hint: isEmpty ? `say which files, or begin with an example: heddle up ${examplePath()}` : hint, exitCode });
    return;
  }
  const mesh = started.value;
  await interrupts.first;
  if (options.output === 'text') process.stderr.write('\nstopping; Ctrl-C again ends everything at once\n');
  void interrupts.second.then(() => mesh.kill().then(ended.resolve));
  void mesh.stop(graceMs).then(ended.resolve);
  await ended.promise;
  signals.abort();
}

/** SIGINT, SIGTERM and SIGHUP alike: the first asks to end, the second insists. */
function interruptions(signal: AbortSignal): { readonly first: Promise<void>; readonly second: Promise<void> } {
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  let count = 0;
  const onSignal = (): void => {
    count += 1;
    (count === 1 ? first : second).resolve();
  };
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of names) process.on(name, onSignal);
  signal.addEventListener('abort', () => {
    for (const name of names) process.off(name, onSignal);
  });
  return { first: first.promise, second: second.promise };
}

function printJson(event: UpEvent): void {
  process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), ...event })}\n`);
}

function textPrinter(): (event: UpEvent) => void {
  const paint = paintFor(process.stdout);
  let isSettled = false;
  return (event) => {
    const lines = eventLines(event, paint, isSettled);
    if (event.kind === 'mesh ready' || event.kind === 'mesh waits') isSettled = true;
    if (lines !== '') process.stdout.write(`${lines}\n`);
  };
}

function port(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 65535) throw new InvalidArgumentError('It must be a port, 0 to 65535.');
  return value;
}

/** The hello example, in a clone or in an installed package (dist/examples), as a path from here. */
function examplePath(): string {
  const folder = fileURLToPath(new URL('../../examples/hello', import.meta.url));
  const installed = fileURLToPath(new URL('../examples/hello', import.meta.url));
  const path = statSync(folder, { throwIfNoEntry: false }) === undefined ? installed : folder;
  const here = `${process.cwd()}/`;
  return path.startsWith(here) ? path.slice(here.length) : path;
}
