// `heddle logs NAME`: the output of a workload's containers, or of its proxy (access log included), as files have it; -f follows.
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { findRunningMesh } from '#app/find-mesh.ts';
import { logFilesOf, previousRun } from '#app/log-files.ts';
import { logFolder } from '#app/mesh-state.ts';
import { closest } from '#base/closest.ts';
import { parseDurationMs } from '#base/duration.ts';
import { fail } from '#cli/style.ts';

type LogsOptions = {
  readonly follow?: boolean;
  readonly proxy?: boolean;
  readonly container?: string;
  readonly previous?: boolean;
  readonly tail?: number;
  readonly since?: number;
  readonly namespace?: string;
  readonly stateDir?: string;
};

const help = `
The log of a pod's proxy is that of its container istio-proxy. Logs stay after the mesh has ended, until the next one begins.
--since goes by the times with which lines begin (access logs have them); a line without one belongs to the line before it. Of a log without any times
it shows all.

Examples:
  heddle logs hello-v1
  heddle logs deployment/reviews-v1 --tail 20 -f
  heddle logs reviews-v1-0 --previous
  heddle logs istio-ingressgateway-0 -n istio-system --proxy --since 5m
`;

export function logsCommand(): Command {
  return new Command('logs')
    .description('Prints the log of a workload. The proxy of a pod is NAME --proxy.')
    .argument('<name>', 'POD, KIND/NAME of what has pods, or control-plane')
    .option('-c, --container <name>', 'of this container alone')
    .option('-p, --proxy', "the log of the workload's proxy: its access log and its warnings")
    .option('-f, --follow', 'go on as lines are added')
    .option('--previous', 'what it wrote before it was last started')
    .option('--tail <lines>', 'the last lines only', count)
    .option('--since <duration>', 'lines of the last 30s, 5m, 1h', duration)
    .option('-n, --namespace <namespace>', 'of the workload')
    .option('--state-dir <folder>', 'where `heddle up` keeps its state; looked for here and in the folders above')
    .addHelpText('after', help)
    .action(showLogs);
}

async function showLogs(asked: string, options: LogsOptions): Promise<void> {
  const stateDir = options.stateDir ?? runningState() ?? '.heddle';
  const folder = logFolder(stateDir);
  if (folder === undefined) {
    fail(`there are no logs in ${stateDir}`, { hint: 'start a mesh: heddle up PATH' });
    return;
  }
  const isProxy = options.proxy === true || asked.endsWith('.proxy');
  const query = { name: asked.replace(/\.proxy$/, ''), namespace: options.namespace, container: isProxy ? 'istio-proxy' : options.container };
  const files = logFilesOf(readdirSync(folder), query);
  if (files.length === 0) {
    tellUnknown(asked, folder, options);
    return;
  }
  const positions = new Map(files.map((file) => [join(folder, file), 0]));
  if (options.previous === true) {
    showPrevious(folder, files, options);
    return;
  }
  for (const path of positions.keys()) {
    const text = readFileSync(path);
    positions.set(path, text.length);
    process.stdout.write(chosenPart(text, options));
  }
  if (options.follow === true) await followUntilInterrupted(folder, positions);
}

function runningState(): string | undefined {
  const found = findRunningMesh(undefined, process.cwd());
  return found.ok ? found.value.folder : undefined;
}

function tellUnknown(asked: string, folder: string, { container, namespace }: LogsOptions): void {
  const known = readdirSync(folder)
    .filter((file) => file.endsWith('.log'))
    .map((file) => file.slice(0, -'.log'.length));
  const near = closest(asked, known);
  const what = `no log of ${asked}${container === undefined ? '' : `, container ${container}`}${namespace === undefined ? '' : ` in namespace ${namespace}`}`;
  fail(what, { hint: near === undefined || near === asked ? `there are: ${known.sort().join(', ')}` : `did you mean ${near}?` });
}

function showPrevious(folder: string, files: readonly string[], options: LogsOptions): void {
  let isFound = false;
  for (const file of files) {
    const run = previousRun(folder, file);
    if (run === undefined) continue;
    isFound = true;
    process.stdout.write(chosenPart(readFileSync(join(folder, file)).subarray(run.from, run.to), options));
  }
  if (!isFound) fail('it was started once only: there is nothing before that', { exitCode: 1 });
}

/** What --since and --tail leave of a text. */
function chosenPart(bytes: Buffer, { tail, since }: LogsOptions): Buffer | string {
  if (tail === undefined && since === undefined) return bytes;
  const text = bytes.toString('utf8');
  const lines = (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n');
  const recent = since === undefined ? lines : linesSince(lines, Date.now() - since);
  const chosen = tail === undefined ? recent : recent.slice(Math.max(0, recent.length - tail));
  return chosen.length === 0 || (chosen.length === 1 && chosen[0] === '') ? '' : `${chosen.join('\n')}\n`;
}

/** Where no line has a time, all of them: nobody knows which are older. */
export function linesSince(lines: readonly string[], fromMs: number): readonly string[] {
  const times = lines.map(timeOf);
  if (times.every((time) => time === undefined)) return lines;
  const first = times.findIndex((time) => time !== undefined && time >= fromMs);
  return first === -1 ? [] : lines.slice(first);
}

/** Milliseconds of the time with which a line begins. */
function timeOf(line: string): number | undefined {
  const time = /^\W{0,2}(?:"time":")?(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?)/.exec(line)?.[1];
  return time === undefined ? undefined : Date.parse(time);
}

/** Writes what was added since the last time; a file that became shorter was begun anew. */
function copyNew(positions: Map<string, number>): void {
  for (const [file, position] of positions) {
    const descriptor = openSync(file, 'r');
    const { size } = fstatSync(descriptor);
    let from = size < position ? 0 : position;
    const chunk = Buffer.alloc(65_536);
    for (let length = readSync(descriptor, chunk, 0, chunk.length, from); length > 0; length = readSync(descriptor, chunk, 0, chunk.length, from)) {
      process.stdout.write(Buffer.from(chunk.subarray(0, length)));
      from += length;
    }
    closeSync(descriptor);
    positions.set(file, from);
  }
}

function followUntilInterrupted(folder: string, positions: Map<string, number>): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      for (const file of positions.keys()) if (statSync(file, { throwIfNoEntry: false }) === undefined) return;
      copyNew(positions);
    };
    const watcher = watch(folder, look);
    // What came between the first reading and the watch.
    look();
    const end = (): void => {
      watcher.close();
      resolve();
    };
    process.once('SIGINT', end);
    process.once('SIGTERM', end);
  });
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('It must be a whole number, 0 or more.');
  return value;
}

function duration(text: string): number {
  const value = parseDurationMs(text);
  if (value === undefined) throw new InvalidArgumentError('It must be a duration: 30s, 5m, 1h.');
  return value;
}
