// `heddle up [PATH…]`: runs a mesh until Ctrl-C and prints what happens, one line per event, or one JSON object each with -o json.
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type AdminDoorFiles, readAdminDoor } from '#app/admin-door.ts';
import type { UpEvent } from '#app/up/event.ts';
import type { Egress, InnerSettings } from '#app/up/host-protocol.ts';
import { chooseNetwork, type NetworkWish } from '#app/up/network-choice.ts';
import type { UpOptions } from '#app/up/options.ts';
import type { MeshPlace } from '#app/up/place.ts';
import { systemClock } from '#base/clock.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import type { LogLevel } from '#base/logger.ts';
import { withAdminOptions } from '#cli/admin-options.ts';
import { diagnosticLines, eventLines } from '#cli/event-line.ts';
import { fail, paintFor } from '#cli/style.ts';

type Options = AdminDoorFiles &
  NetworkWish & {
    readonly dataPlane: UpOptions['dataPlane'];
    readonly proxies: UpOptions['proxies'];
    readonly gatewayPort: number;
    readonly adminPort: number;
    readonly stateDir: string;
    readonly logLevel: LogLevel;
    readonly explainDenials: boolean;
    readonly output: 'text' | 'json';
    /** What the process outside tells that inside, as JSON: only it gives this. */
    readonly inside?: string;
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
  heddle up docker-compose.yaml policies.yaml
  heddle up my-mesh/ -o json | jq -c 'select(.kind == "exited")'
`;

export function upCommand(): Command {
  const command = new Command('up')
    .description(
      'Runs the mesh of these YAML files on this machine: each pod as local processes with a proxy of its own. Changes of files act at once.',
    )
    .argument('[path...]', 'YAML files and folders')
    .addOption(new Option('--data-plane <which>', 'which proxy runs beside each pod').choices(['embedded', 'envoy']).default('embedded'))
    .addOption(
      new Option('--proxies <which>', 'each: a process for each embedded proxy; shared: one for all of them, in less memory')
        .choices(['each', 'shared'])
        .default('each'),
    )
    .addOption(
      new Option('--network <which>', 'netns: each pod with an address and a localhost of its own; loopback: all on 127.0.0.1')
        .choices(['auto', 'netns', 'loopback'])
        .default('auto'),
    )
    .option(
      '--network-cidr <range>',
      'addresses of pods and Services: 10.77.0.0/16, or with IPv6 10.77.0.0/16,fd00:77::/64 (netns; else a free range of IPv4)',
    )
    .addOption(
      new Option('--egress <where>', 'where pods may connect to beside the mesh: nowhere (none, the default of netns), or host').choices([
        'none',
        'host',
      ]),
    )
    .addOption(new Option('--inside <settings>').hideHelp())
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
  if (options.proxies === 'shared' && options.dataPlane === 'envoy') {
    fail('--proxies shared is about embedded proxies: each Envoy is a process', { hint: 'leave out one of --proxies shared and --data-plane envoy' });
    return;
  }
  const door = readAdminDoor(options);
  if (!door.ok) {
    fail(door.error.message, { hint: door.error.hint });
    return;
  }
  if (options.inside !== undefined) return runInside(options.inside, { given, paths, adminDoor: door.value, options });
  const choice = await chooseNetwork(options, process.env);
  if (!choice.ok) {
    fail(choice.error.message, { hint: choice.error.hint });
    return;
  }
  if (choice.value.kind === 'netns') return runOutside(choice.value.means, options.egress ?? 'none');
  using interrupts = new Interrupts();
  interrupts.onSignals();
  const { loopbackPlace } = await import('#app/up/place.ts');
  const begin = { interrupts, startedMs: 0, because: choice.value.because };
  await runHere(loopbackPlace, { given, paths, adminDoor: door.value, options }, begin);
}

/** What is to be run, judged as far as that needs nothing started. */
type Run = {
  readonly given: readonly string[];
  readonly paths: readonly string[];
  readonly adminDoor: UpOptions['adminDoor'];
  readonly options: Options;
};

/** This process stays in the host's network; the mesh is another one. */
async function runOutside(means: InnerSettings['means'], egress: Egress): Promise<void> {
  const { runInside: run } = await import('#app/up/host-side.ts');
  const user = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const end = await run({ nodeProgram: process.execPath, commandLine: process.argv.slice(1), means, user, egress, environment: process.env });
  if (end.kind === 'exit') process.exitCode = end.code;
  else fail(`the process of the mesh ${end.kind === 'signal' ? `was ended by ${end.reason}` : `cannot be started: ${end.reason}`}`, { exitCode: 1 });
}

/** This process is the node of the mesh's own network. */
async function runInside(text: string, run: Run): Promise<void> {
  // Made by `runOutside`.
  const settings = JSON.parse(text) as InnerSettings;
  const [{ HostLink }, { netnsPlace }] = await Promise.all([import('#app/up/host-link.ts'), import('#app/up/netns-place.ts')]);
  using interrupts = new Interrupts();
  using link = new HostLink(process, { onInterrupt: () => interrupts.press(), onGone: () => interrupts.insist() });
  // Ctrl-C comes over the link.
  interrupts.onSignals({ once: true });
  const startedMs = settings.startedAtMs - performance.timeOrigin;
  await runHere(netnsPlace(settings, link, process.ppid), run, { interrupts, startedMs });
}

/** `startedMs`: when the command began, by the clock of this process, which counts from its own start. `because`: why there is no better network. */
type Begin = { readonly interrupts: Interrupts; readonly startedMs: number; readonly because?: Diagnostic | undefined };

async function runHere(place: MeshPlace, { given, paths, adminDoor, options }: Run, { interrupts, startedMs, because }: Begin): Promise<void> {
  const { startMesh } = await import('#app/up.ts');
  const ended = Promise.withResolvers<void>();
  const onEvent = options.output === 'json' ? printJson : textPrinter();
  if (because !== undefined)
    onEvent({ kind: 'network', network: place.kind, reason: because.message, ...(because.hint !== undefined && { hint: because.hint }) });
  const started = await startMesh({
    ...options,
    place,
    adminDoor,
    paths,
    stateFolder: options.stateDir,
    environment: process.env,
    nodeProgram: process.execPath,
    clock: systemClock,
    startedMs,
    random: Math.random,
    onEvent,
  });
  if (!started.ok) {
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
}

/** SIGINT, SIGTERM and SIGHUP alike: the first asks to end, the second insists. */
class Interrupts implements Disposable {
  readonly #first = Promise.withResolvers<void>();
  readonly #second = Promise.withResolvers<void>();
  readonly #ends: (() => void)[] = [];
  #presses = 0;
  #signals = 0;

  get first(): Promise<void> {
    return this.#first.promise;
  }

  get second(): Promise<void> {
    return this.#second.promise;
  }

  press(): void {
    this.#presses += 1;
    this.#tell();
  }

  insist(): void {
    this.press();
    this.press();
  }

  /**
   * Takes signals of this process. With `once` all of them together count as one, and the first of what is told otherwise as the same: whoever signals
   * every process of a service means it once.
   */
  onSignals({ once = false } = {}): void {
    const onSignal = (): void => {
      this.#signals = once ? 1 : this.#signals + 1;
      this.#tell();
    };
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(name, onSignal);
      this.#ends.push(() => process.off(name, onSignal));
    }
  }

  [Symbol.dispose](): void {
    for (const end of this.#ends) end();
  }

  #tell(): void {
    const times = Math.max(this.#presses, this.#signals);
    if (times >= 1) this.#first.resolve();
    if (times >= 2) this.#second.resolve();
  }
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
