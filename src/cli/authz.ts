// `heddle authz check WORKLOAD PATH`: which AuthorizationPolicies a workload's proxy enforces, and what they say of a call.
import { Command, InvalidArgumentError, Option } from 'commander';
import type { CheckedCall } from '#app/authz-call.ts';
import { type AuthzReport, checkAuthz } from '#app/authz-check.ts';
import { authzLines } from '#cli/authz-table.ts';
import { diagnosticLines } from '#cli/event-line.ts';
import { fail, paintFor } from '#cli/style.ts';

type Options = {
  readonly namespace: string;
  readonly from?: string;
  readonly method?: string;
  readonly path?: string;
  readonly port?: number;
  readonly header: Readonly<Record<string, string>>;
  readonly ip?: string;
  readonly output: 'text' | 'json';
};

const help = `
Without a call the policies are listed. With any of --from, --method, --path, --port, --header and --ip it says what becomes of a call: by whom it is
decided, and by which condition. A caller without --from comes without a certificate. What a token says is not part of it.

Exit codes: 0 listed, or the call is let in; 1 the call is denied; 2 usage or unreadable input.

Examples:
  heddle authz check prices examples/security/deny-by-default
  heddle authz check reviews mesh/ -n shop --from shop/web --path /admin
  heddle authz check reviews mesh/ -n shop --from spiffe://cluster.local/ns/shop/sa/web --method POST --header 'x-role: admin'
  heddle authz check ledger mesh/ --port 5432 --ip 10.1.2.3 -o json | jq -r .verdict.result
`;

export function authzCommand(): Command {
  const check = new Command('check')
    .description('Lists the AuthorizationPolicies that the proxy of a workload enforces, and decides about a call.')
    .argument('<workload>', 'a pod, or what the names of its pods begin with')
    .argument('<path...>', 'YAML files and folders')
    .option('-n, --namespace <name>', 'namespace of the workload', 'default')
    .option('--from <identity>', 'the caller: ACCOUNT, NAMESPACE/ACCOUNT, or spiffe://…')
    .option('--method <method>', 'method of the request; GET unless given')
    .option('--path <path>', 'path of the request; / unless given')
    .addOption(new Option('--port <port>', 'port of the workload').argParser(readPort))
    .addOption(new Option('--header <header>', "a field of the request, 'name: value'; may be repeated").argParser(readHeader).default({}, 'none'))
    .option('--ip <address>', "the caller's address")
    .addOption(new Option('-o, --output <format>', 'output format').choices(['text', 'json']).default('text'))
    .addHelpText('after', help)
    .action(run);
  return new Command('authz').description('Who may call whom: what AuthorizationPolicies come to.').addHelpText('after', help).addCommand(check);
}

async function run(workload: string, paths: readonly string[], options: Options): Promise<void> {
  const call = callOf(options);
  const report = await checkAuthz({ paths, workload, namespace: options.namespace, ...(call !== undefined && { call }) });
  if (!report.ok) {
    fail(report.error);
    return;
  }
  const paint = paintFor(process.stdout);
  process.stdout.write(options.output === 'json' ? `${JSON.stringify(report.value, null, 2)}\n` : `${authzLines(report.value, paint)}\n`);
  if (report.value.diagnostics.length > 0) process.stderr.write(`${diagnosticLines(report.value.diagnostics, paintFor(process.stderr))}\n`);
  process.exitCode = exitCode(report.value);
}

function exitCode({ verdict }: AuthzReport): number {
  return verdict === undefined || verdict.result === 'allowed' || verdict.result === 'asked' ? 0 : 1;
}

function callOf({ from, method, path, port, header, ip }: Options): CheckedCall | undefined {
  const isAsked = [from, method, path, port, ip].some((one) => one !== undefined) || Object.keys(header).length > 0;
  if (!isAsked) return undefined;
  return {
    method: method?.toUpperCase() ?? 'GET',
    path: path ?? '/',
    headers: header,
    ...(from !== undefined && { from }),
    ...(port !== undefined && { port }),
    ...(ip !== undefined && { ip }),
  };
}

function readPort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new InvalidArgumentError('must be a port, 1 to 65535');
  return port;
}

function readHeader(text: string, before: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const colon = text.indexOf(':');
  if (colon < 1) throw new InvalidArgumentError("must be 'name: value'");
  return { ...before, [text.slice(0, colon).trim().toLowerCase()]: text.slice(colon + 1).trim() };
}
