// `heddle describe KIND NAME`: everything there is to say about one resource of the running mesh, in sections.
import { Command } from 'commander';
import { read } from '#admin/client/client.ts';
import type { DescribedSection, Description } from '#admin/client/verbs.ts';
import { type Paint, paintFor } from '#cli/style.ts';
import { textTable } from '#cli/text-table.ts';
import { readOneName, targetOf, tellFailure, type VerbOptions, withVerbOptions } from '#cli/verb.ts';

const help = `
Of a pod: its containers and how they ended last, ports with what they take (mtls), who it is, the policies that its proxy enforces, findings
about it, what happened. Of a Service: where it leads. Of a policy: who enforces it.

Examples:
  heddle describe pod reviews-v1-0
  heddle describe svc/reviews
  heddle describe authorizationpolicy deny-all -n shop
`;

export function describeCommand(): Command {
  return withVerbOptions(new Command('describe'))
    .description('Says everything about one resource: its state, findings, policies, ports, events.')
    .argument('<resource...>', 'KIND NAME or KIND/NAME')
    .addHelpText('after', help)
    .action(describe);
}

async function describe(words: readonly string[], options: VerbOptions): Promise<void> {
  const name = readOneName(words, options.namespace);
  if (name === undefined) return;
  const target = targetOf(options);
  if (target === undefined) return;
  const answer = await read(target, '/describe', name);
  if (!answer.ok) {
    tellFailure(answer.error);
    return;
  }
  const { sections } = answer.value as Description; // what this API answers: verbs.ts
  const paint = paintFor(process.stdout);
  process.stdout.write(`${sections.map((section) => sectionText(section, paint)).join('\n')}\n`);
}

function sectionText({ heading, pairs = [], table = [], lines = [] }: DescribedSection, paint: Paint): string {
  const width = Math.max(0, ...pairs.map(([name]) => name.length)) + 2;
  const indent = heading === '' ? '' : '  ';
  const content = [
    ...pairs.map(([name, value]) => `${indent}${`${name}${name === '' ? ' ' : ':'}`.padEnd(width)} ${value}`),
    ...(table.length === 0
      ? []
      : textTable(table)
          .split('\n')
          .map((line, index) => `${indent}${index === 0 ? paint.dim(line) : line}`)),
    ...lines.map((line) => `${indent}${line}`),
  ];
  return heading === '' ? content.join('\n') : [paint.strong(`${heading}:`), ...content].join('\n');
}
