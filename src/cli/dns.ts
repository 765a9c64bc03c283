// `heddle dns query NAME [TYPE] --from WORKLOAD`: what a name comes to for an app, and why; in the running mesh, or in files.
import { Command, Option } from 'commander';
import { read } from '#admin/client/client.ts';
import type { NameQuestion, NameReport } from '#admin/client/name-view.ts';
import { queryNameInFiles } from '#app/name-query-files.ts';
import { nameLines } from '#cli/name-lines.ts';
import { fail, paintFor } from '#cli/style.ts';
import { targetOf, tellFailure, type VerbOptions, withVerbOptions } from '#cli/verb.ts';

type Options = VerbOptions & { readonly from: string; readonly file?: readonly string[]; readonly output: 'text' | 'json' };

const help = `
NAME is what the app writes: a short name, a whole one, one with a dot at the end (no search domains), or with type PTR an address.
In the running mesh, or with -f in files as they would run in a network of their own or on Kubernetes.

Exit codes: 0 there is an answer; 1 there is none, or it is up to name servers outside; 2 usage or unreadable input.

Examples:
  heddle dns query reviews --from productpage
  heddle dns query db.data SRV --from shop/web
  heddle dns query _http._tcp.web.shop.svc.cluster.local SRV --from web -n shop
  heddle dns query 10.96.0.20 PTR --from productpage
  heddle dns query api.example.com AAAA --from productpage -f examples/bookinfo -o json | jq -r .host.at
`;

export function dnsCommand(): Command {
  const query = withVerbOptions(new Command('query'))
    .description('Says what a name comes to for an app: the answer, the line that it is from, and which names were tried.')
    .argument('<name>', 'the name, as the app writes it')
    .argument('[type]', 'A, AAAA, SRV, PTR, CNAME, ANY, MX, TXT, …', 'A')
    .requiredOption('--from <workload>', 'who asks: a pod, or what the names of its pods begin with; NAMESPACE/WORKLOAD, or with -n')
    .option('-f, --file <path...>', 'YAML files and folders in place of the running mesh')
    .addOption(new Option('-o, --output <format>', 'output format').choices(['text', 'json']).default('text'))
    .addHelpText('after', help)
    .action(run);
  return new Command('dns').description('What names come to in the mesh.').addHelpText('after', help).addCommand(query);
}

async function run(name: string, type: string, options: Options): Promise<void> {
  const [namespace, workload] = options.from.includes('/') ? options.from.split('/', 2) : [options.namespace, options.from];
  const question: NameQuestion = { name, type, workload: workload ?? '', namespace: namespace ?? 'default' };
  const report = await ask(question, options);
  if (report === undefined) return;
  process.stdout.write(options.output === 'json' ? `${JSON.stringify(report, null, 2)}\n` : `${nameLines(report, paintFor(process.stdout))}\n`);
  process.exitCode = report.answers.length > 0 ? 0 : 1;
}

/** Undefined where the reason was told. */
async function ask(question: NameQuestion, options: Options): Promise<NameReport | undefined> {
  if (options.file !== undefined) {
    const report = await queryNameInFiles(question, options.file);
    if (report.ok) return report.value;
    fail(report.error);
    return undefined;
  }
  const target = targetOf(options);
  if (target === undefined) return undefined;
  const { name, type, workload, namespace } = question;
  const answered = await read(target, '/dns', { name, type, workload, namespace });
  // What the admin API's own code answers.
  if (answered.ok) return answered.value as NameReport;
  tellFailure(answered.error.status === 404 ? { ...answered.error, status: 400 } : answered.error);
  return undefined;
}
