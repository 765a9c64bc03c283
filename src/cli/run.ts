// `heddle run --workload NAME -- CMD`: a command of this terminal as a workload of the mesh that runs here. Its exit code is ours.
import { Command, InvalidArgumentError } from 'commander';
import { type AdminFailure, upgrade } from '#admin/client/client.ts';
import { runProtocol } from '#admin/client/protocols.ts';
import type { RunRequest } from '#admin/client/run-messages.ts';
import { findRunningMesh } from '#app/find-mesh.ts';
import { findProgram } from '#app/run/find-program.ts';
import { type RunNews, runHere } from '#app/run/run-here.ts';
import { systemClock } from '#base/clock.ts';
import { fail } from '#cli/style.ts';
import { type VerbOptions, withVerbOptions } from '#cli/verb.ts';

type RunOptions = VerbOptions & {
  readonly workload: string;
  readonly service?: string;
  readonly port?: number;
  readonly protocol: string;
  readonly label: Readonly<Record<string, string>>;
  readonly serviceAccount?: string;
  readonly quiet?: true;
};

/** As env(1) and docker run have it: what is wrong is not the command. */
const ownFault = 125;

const help = `
The command gets an identity, a sidecar, and the names and the capture of the mesh; terminal, folder, variables and signals stay yours. In a network of the
mesh's own (heddle up --network netns) it has an address and a localhost, and listens on its own port; in loopback mode it listens on PORT and finds
others by variables, as every program there. It starts when its sidecar is ready.

With --service it is an endpoint of that Service, once it listens; a Service that does not exist is made, and goes with the last of its runs. The workload
leaves when the command ends, or this terminal does. SIGTERM lets it leave first: no more requests, those under way end, then the command is told.

Exit codes: the command's; 128 + n where signal n ended it; 127 there is no such command; 126 it cannot be run; 125 it could not join the mesh.

Examples:
  heddle run --workload debug -- curl http://reviews:9080/
  heddle run --workload shell -- bash
  heddle run --workload reviews-dev --service reviews --port 9080 --label version=v4 -- node --inspect server.js
  heddle run --workload cart --service cart --port 7000 --protocol grpc -n shop -- ./cart
`;

export function runCommand(): Command {
  return withVerbOptions(new Command('run'))
    .description('Runs a command as a workload of the mesh that runs here.')
    .argument('<command...>', 'program and arguments, after --')
    .requiredOption('--workload <name>', 'what it is called in the mesh')
    .option('--service <service>', 'the Service whose endpoint it becomes')
    .option('--port <port>', 'where the command listens', readPort)
    .option('--protocol <protocol>', 'what is spoken there, for a Service that is made: http, http2, grpc, tcp, mongo, ...', 'http')
    .option('-l, --label <name=value>', 'a label of the workload, such as version=v2; may be repeated', readLabel, {})
    .option('--service-account <name>', 'who it is; the workload by its own name unless said')
    .option('-q, --quiet', 'say nothing about the workload')
    .addHelpText('after', help)
    .action(run);
}

async function run(command: readonly string[], options: RunOptions): Promise<void> {
  const { workload, namespace, service, port, protocol, label, serviceAccount, stateDir } = options;
  const mesh = findRunningMesh(stateDir, process.cwd());
  if (!mesh.ok) return fail(mesh.error.message, { hint: mesh.error.hint, exitCode: ownFault });
  const cwd = process.cwd();
  const program = findProgram(command[0] ?? '', process.env['PATH'] ?? '', cwd);
  if (!program.ok) return fail(program.error.reason, { exitCode: program.error.exitCode });
  const request: RunRequest = {
    workload,
    namespace,
    command,
    cwd,
    labels: label,
    protocol,
    ...(service !== undefined && { service }),
    ...(port !== undefined && { port }),
    ...(serviceAccount !== undefined && { serviceAccount }),
  };
  const opened = await upgrade(mesh.value.target, '/run', runProtocol, request);
  if (!opened.ok) return tellFailure(opened.error);
  const tell = (news: RunNews): void => tellNews(news, options);
  process.exitCode = await runHere({ socket: opened.value, environment: process.env, clock: systemClock, tell });
}

function tellFailure({ status, error, hint }: AdminFailure): void {
  if (status === 'unreachable') fail(`the mesh does not answer: ${error}`, { hint: 'heddle status', exitCode: ownFault });
  else if (status === 401)
    fail('the mesh does not take the token of its state folder', { hint: 'was it started by another user?', exitCode: ownFault });
  else fail(error, { hint, exitCode: ownFault });
}

function tellNews(news: RunNews, { workload, namespace, service, port, quiet }: RunOptions): void {
  const name = `${workload}.${namespace}`;
  if (news.kind === 'lost' || news.kind === 'cannot start') process.stderr.write(`heddle: ${news.reason}\n`);
  else if (quiet === true) return;
  else if (news.kind === 'waiting')
    process.stderr.write(`heddle: ${name} is not ready: ${news.reason}${news.hint === undefined ? '' : `\n  ${news.hint}`}\n`);
  // Of one that takes no requests nobody waits for the word.
  else if (service !== undefined || port !== undefined)
    process.stderr.write(`heddle: ${name} is in the mesh${news.at.length === 0 ? '' : `, at ${news.at.join(', ')}`}\n`);
}

function readPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw new InvalidArgumentError('a port is a number from 1 to 65535');
  return port;
}

/** The syntax of Kubernetes' labels. */
function readLabel(text: string, known: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const [, name, value] = /^((?:[a-z0-9.-]+\/)?[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)=([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?|)$/.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new InvalidArgumentError('a label is NAME=VALUE');
  return { ...known, [name]: value };
}
