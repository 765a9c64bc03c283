// `heddle logs NAME`: the output of a workload's containers, or of its proxy (access log included), as files have it; -f follows.
import { closeSync, fstatSync, openSync, readdirSync, readSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { logFolder } from '#app/mesh-state.ts';
import { closest } from '#base/closest.ts';
import { fail } from '#cli/style.ts';

type LogsOptions = { readonly follow?: boolean; readonly proxy?: boolean; readonly stateDir: string };

export function logsCommand(): Command {
  return new Command('logs')
    .description('Prints the log of a workload. The proxy of a pod is NAME.proxy, or NAME --proxy.')
    .argument('<name>', 'workload, as `heddle status` shows it')
    .option('-f, --follow', 'go on as lines are added')
    .option('-p, --proxy', "the log of the workload's proxy: its access log and its warnings")
    .option('--state-dir <folder>', 'where `heddle up` keeps its state', '.heddle')
    .addHelpText('after', '\nExamples:\n  heddle logs hello-v1\n  heddle logs istio-ingressgateway-0 --proxy -f\n')
    .action(showLogs);
}

async function showLogs(name: string, { follow, proxy, stateDir }: LogsOptions): Promise<void> {
  const folder = logFolder(stateDir);
  if (folder === undefined) {
    fail(`there are no logs in ${stateDir}`, { hint: 'start a mesh: heddle up PATH' });
    return;
  }
  const files = matching(readdirSync(folder), proxy === true ? `${name}.proxy` : name);
  if (files.length === 0) {
    const known = readdirSync(folder)
      .filter((file) => file.endsWith('.log'))
      .map((file) => file.slice(0, -'.log'.length));
    const near = closest(name, known);
    fail(`no log of ${name}`, { hint: near === undefined ? `there are: ${known.sort().join(', ')}` : `did you mean ${near}?` });
    return;
  }
  const positions = new Map(files.map((file) => [join(folder, file), 0]));
  copyNew(positions);
  if (follow === true) await followUntilInterrupted(folder, positions);
}

/** `hello-v1`, also as `hello-v1.default` or `default/hello-v1`; all containers of a pod that has several. */
function matching(files: readonly string[], asked: string): readonly string[] {
  const slash = asked.indexOf('/');
  const name = slash < 0 ? asked : `${asked.slice(slash + 1)}.${asked.slice(0, slash)}`;
  const short = name.replace(/\.default(?=$|\.proxy$)/, '');
  const exact = files.filter((file) => file === `${name}.log` || file === `${short}.log`);
  if (exact.length > 0) return exact;
  const withNamespace = files.filter((file) => file.startsWith(`${short}.`) && file.endsWith('.log') && !file.endsWith('.proxy.log'));
  if (withNamespace.length > 0) return withNamespace;
  const [pod = '', isProxy] = short.split(/\.(?=proxy$)/);
  return isProxy === undefined
    ? files.filter((file) => file === `${short}.proxy.log`)
    : files.filter((file) => file.startsWith(`${pod}.`) && file.endsWith('.proxy.log'));
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
    const watcher = watch(folder, () => {
      for (const file of positions.keys()) if (statSync(file, { throwIfNoEntry: false }) === undefined) return;
      copyNew(positions);
    });
    const end = (): void => {
      watcher.close();
      resolve();
    };
    process.once('SIGINT', end);
    process.once('SIGTERM', end);
  });
}
