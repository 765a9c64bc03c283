// `heddle token`: what a workload shows to get its certificate when `heddle up` does not start it.
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { parseDurationMs } from '#base/duration.ts';
import { defaultFolder } from '#cli/ca.ts';
import { fail } from '#cli/style.ts';

type Options = {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly pod?: string;
  readonly ttl: number;
  readonly trustDomain: string;
  readonly ca: string;
  readonly to?: string;
  readonly output: 'text' | 'json';
};

const hourMs = 3_600_000;

const help = `
Whoever has the token is that workload until the token expires: keep it in a file that nobody else may read, never in an
environment variable or a command line. A workload renews its certificate with the one it has when its token has expired.

Examples:
  heddle token create --namespace default --service-account hello --to hello.token
  heddle token create -n default -s hello --pod hello-v1 --ttl 15m --ca ca/ --to hello.token

Exit codes: 0 fine, 2 there is no authority, or the token cannot be written.
`;

export function tokenCommand(): Command {
  const create = new Command('create')
    .description('Makes a token for one identity, signed by the authority, and prints it.')
    .requiredOption('-n, --namespace <name>', 'namespace of the workload')
    .option('-s, --service-account <name>', 'its service account', 'default')
    .option('--pod <name>', 'the only proxy that may use it, by the name in its node id')
    .addOption(new Option('--ttl <duration>', 'how long it is good for: 15m, 24h').argParser(duration).default(24 * hourMs, '24h'))
    .option('--trust-domain <name>', "the mesh's, as MeshConfig.trustDomain has it", 'cluster.local')
    .option('--ca <folder>', 'folder of the authority', defaultFolder)
    .option('--to <file>', 'write it there, for your eyes only, in place of printing it')
    .addOption(new Option('-o, --output <format>', 'output format').choices(['text', 'json']).default('text'))
    .addHelpText('after', help)
    .action(run);
  return new Command('token').description('Tokens by which workloads prove who they are.').addHelpText('after', help).addCommand(create);
}

async function run({ ca, ttl, to, output, ...rest }: Options): Promise<void> {
  const { namespace, serviceAccount, trustDomain, pod } = rest;
  const { createToken } = await import('#app/authority.ts');
  const made = await createToken({ folder: ca, ttlMs: ttl, namespace, serviceAccount, trustDomain, ...(pod !== undefined && { pod }) });
  if (!made.ok) {
    fail(made.error.message, { hint: made.error.hint });
    return;
  }
  const { token, identity, expires } = made.value;
  if (to !== undefined && !writeTo(to, `${token.reveal()}\n`)) return;
  const shown = to === undefined ? { token: token.reveal() } : { file: to };
  if (output === 'json') process.stdout.write(`${JSON.stringify({ identity, expires, ...shown })}\n`);
  else process.stdout.write(to === undefined ? `${token.reveal()}\n` : `${to}: ${identity}, until ${expires}\n`);
}

/** Anew, so that nobody who has the old file open, or was allowed to read it, gets the new token. */
function writeTo(file: string, text: string): boolean {
  try {
    rmSync(file, { force: true });
    const descriptor = openSync(file, 'wx', 0o600);
    writeSync(descriptor, text);
    closeSync(descriptor);
    return true;
  } catch (error) {
    fail(`the token cannot be written to ${file}: ${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
}

function duration(text: string): number {
  const ms = parseDurationMs(text);
  if (ms === undefined || ms <= 0) throw new InvalidArgumentError('a duration is a number with a unit, such as 15m or 24h.');
  return ms;
}
