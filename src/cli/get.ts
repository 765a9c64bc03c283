// `heddle get KIND…`: resources of the running mesh as a table, or as they would stand in a file; -w goes on with what changes.
import { Command, Option } from 'commander';
import { stringify } from 'yaml';
import { type AdminTarget, follow, read } from '#admin/client/client.ts';
import type { ResourceList, ResourceRow } from '#admin/client/verbs.ts';
import { jsonpath } from '#cli/jsonpath.ts';
import { fail } from '#cli/style.ts';
import { columnWidths, textTable } from '#cli/text-table.ts';
import { readNames, targetOf, tellFailure, type VerbOptions, withVerbOptions } from '#cli/verb.ts';

type GetOptions = VerbOptions & {
  readonly allNamespaces?: true;
  readonly selector?: string;
  readonly output?: string;
  readonly watch?: true;
  readonly headers: boolean;
  readonly showLabels?: true;
};

/** What `all` stands for, as with kubectl. */
const allKinds = ['pods', 'services', 'deployments', 'replicasets', 'statefulsets', 'daemonsets', 'jobs'];

const help = `
KIND is any kind that Heddle reads, by its name, plural or short name (pods, po, svc, deploy, vs, dr, se, ap, ...), several with commas, or
all. Also: endpoints (where Services lead), events (what happened to pods).

Examples:
  heddle get pods
  heddle get pods,services -A -o wide
  heddle get vs reviews -o yaml
  heddle get pods -l app=reviews,version!=v1 -w
  heddle get pod -l app=ratings -o jsonpath='{.items[0].metadata.name}'
`;

export function getCommand(): Command {
  return withVerbOptions(new Command('get'))
    .description('Shows resources of the running mesh: what the files and `heddle apply` say, and what runs.')
    .argument('<kind...>', 'KIND [NAME...] or KIND/NAME...')
    .option('-A, --all-namespaces', 'of all namespaces')
    .option('-l, --selector <labels>', 'those with these labels: app=a,version!=v1')
    .addOption(new Option('-o, --output <format>', 'wide, yaml, json, name, or jsonpath=TEMPLATE'))
    .option('-w, --watch', 'go on and show what changes')
    .option('--no-headers', 'without the line of titles')
    .option('--show-labels', 'labels as the last column')
    .addHelpText('after', help)
    .action(getResources);
}

async function getResources(words: readonly string[], options: GetOptions): Promise<void> {
  const { output } = options;
  if (output !== undefined && !/^(?:wide|yaml|json|name|jsonpath=.+)$/s.test(output)) {
    fail(`there is no output format ${output}`, { hint: 'known: wide, yaml, json, name, jsonpath=TEMPLATE' });
    return;
  }
  const names = readNames(words[0] === 'all' ? [allKinds.join(','), ...words.slice(1)] : words);
  if (!names.ok) {
    fail(names.error);
    return;
  }
  const target = targetOf(options);
  if (target === undefined) return;
  const queries = names.value.map(({ kind, name }) => ({
    kind,
    name,
    namespace: options.allNamespaces === true ? undefined : options.namespace,
    selector: options.selector,
  }));
  if (options.watch === true) {
    await watchOne(target, queries, options);
    return;
  }
  const lists: ResourceList[] = [];
  for (const query of queries) {
    const answer = await read(target, '/get', query);
    if (answer.ok)
      lists.push(answer.value as ResourceList); // what this API answers: verbs.ts
    else tellFailure(answer.error);
  }
  show(merged(lists), options, names.value);
}

/** Lists of one kind that was asked for by several names are one list. */
function merged(lists: readonly ResourceList[]): readonly ResourceList[] {
  const byKind = new Map<string, ResourceList>();
  for (const list of lists) {
    const known = byKind.get(list.label);
    byKind.set(list.label, known === undefined ? list : { ...known, rows: [...known.rows, ...list.rows] });
  }
  return [...byKind.values()];
}

function show(lists: readonly ResourceList[], options: GetOptions, asked: readonly { readonly name?: string }[]): void {
  const { output } = options;
  const rows = lists.flatMap((list) => list.rows.map((row) => ({ list, row })));
  if (output === 'name') {
    for (const { list, row } of rows) process.stdout.write(`${nameOf(list, row)}\n`);
    return;
  }
  if (output === 'yaml' || output === 'json' || output?.startsWith('jsonpath=') === true) {
    const objects = rows.map(({ row }) => row.object);
    const isOne = asked.length === 1 && asked[0]?.name !== undefined;
    if (isOne && objects.length === 0) return;
    print(isOne ? objects[0] : { apiVersion: 'v1', kind: 'List', items: objects }, output);
    return;
  }
  if (rows.length === 0) {
    if (lists.length > 0)
      process.stderr.write(options.allNamespaces === true ? 'No resources found\n' : `No resources found in ${options.namespace} namespace.\n`);
    return;
  }
  const filled = lists.filter((list) => list.rows.length > 0);
  const tables = filled.map((list) => textTable(tableRows(list, options, filled.length > 1)));
  process.stdout.write(`${tables.join('\n\n')}\n`);
}

function print(value: unknown, output: string): void {
  if (output === 'json') process.stdout.write(`${JSON.stringify(value, null, 4)}\n`);
  else if (output === 'yaml') process.stdout.write(stringify(value, { version: '1.1', lineWidth: 0, aliasDuplicateObjects: false }));
  else {
    const text = jsonpath(output.slice('jsonpath='.length), value);
    if (text.ok) process.stdout.write(text.value);
    else fail(`this part of the jsonpath cannot be read: ${text.error}`);
  }
}

function nameOf({ label }: ResourceList, { name }: ResourceRow): string {
  return name.includes('/') ? name : `${label}/${name}`;
}

function tableRows(list: ResourceList, { headers, ...options }: GetOptions, isOneOfSeveral: boolean): readonly (readonly string[])[] {
  const titles = cellsOf(list, options, isOneOfSeveral, undefined);
  const rows = list.rows.map((row) => cellsOf(list, options, isOneOfSeveral, row));
  return headers ? [titles, ...rows] : rows;
}

/** The cells of a row, or the titles. */
function cellsOf(
  list: ResourceList,
  { allNamespaces, output, showLabels }: Omit<GetOptions, 'headers'>,
  withKind: boolean,
  row: ResourceRow | undefined,
): readonly string[] {
  const shown = list.columns.flatMap(({ title, wide }, index) => (wide === true && output !== 'wide' ? [] : [row?.cells[index] ?? title]));
  const namespace = allNamespaces === true && list.namespaced ? [row?.namespace ?? 'NAMESPACE'] : [];
  const name = row === undefined ? 'NAME' : withKind ? nameOf(list, row) : row.name;
  return [...namespace, name, ...shown, ...(showLabels === true ? [row === undefined ? 'LABELS' : labelsOf(row)] : [])];
}

function labelsOf({ object }: ResourceRow): string {
  const { metadata } = object as { readonly metadata?: { readonly labels?: Readonly<Record<string, string>> } }; // as all resources are
  const all = Object.entries(metadata?.labels ?? {}).map(([name, value]) => `${name}=${value}`);
  return all.length === 0 ? '<none>' : all.join(',');
}

/** One kind only: each line is a row of one table. */
async function watchOne(target: AdminTarget, queries: readonly Readonly<Record<string, string | undefined>>[], options: GetOptions): Promise<void> {
  const [query, ...more] = queries;
  if (query === undefined || more.length > 0) {
    fail('-w follows one kind', { hint: 'heddle get pods -w' });
    return;
  }
  const end = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => end.abort());
  process.stdout.on('error', () => end.abort());
  let list: ResourceList | undefined;
  let widths: readonly number[] = [];
  const onValue = (value: unknown): void => {
    if (list === undefined) {
      list = value as ResourceList; // the first line is the whole list: verb-routes.ts
      widths = columnWidths(tableRows(list, { ...options, headers: true }, false));
      if (list.rows.length > 0 && /^(?:yaml|json|jsonpath=)/.test(options.output ?? ''))
        for (const { object } of list.rows) print(object, options.output ?? '');
      else if (list.rows.length > 0) process.stdout.write(`${textTable(tableRows(list, options, false), widths)}\n`);
      return;
    }
    const { row } = value as { readonly row: ResourceRow }; // each further one is a row
    if (options.output === 'name') process.stdout.write(`${nameOf(list, row)}\n`);
    else if (/^(?:yaml|json|jsonpath=)/.test(options.output ?? '')) print(row.object, options.output ?? '');
    else process.stdout.write(`${textTable([cellsOf(list, options, false, row)], widths)}\n`);
  };
  const answer = await follow(target, '/watch', query, onValue, end.signal);
  if (!answer.ok) tellFailure(answer.error);
}
