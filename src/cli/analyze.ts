// `heddle analyze PATH`: every mistake in YAML files with its place and its fix, without running anything.
import { Command, Option } from 'commander';
import { type Analysis, analyzeFiles } from '#app/analyze-files.ts';
import { conditionTable } from '#cli/condition-table.ts';
import { diagnosticLines } from '#cli/event-line.ts';
import { exitCodeFor } from '#cli/exit-code.ts';
import { fail, paintFor } from '#cli/style.ts';

const help = `
Exit code: 0 nothing found but remarks, 1 errors or warnings, 2 something could not be read.

Examples:
  heddle analyze examples/hello/as-published
  heddle analyze mesh/ -o json | jq -r '.[].code'
  heddle analyze mesh/ --conditions -o json | jq '.[].parents'
`;

export function analyzeCommand(): Command {
  return new Command('analyze')
    .description(
      'Finds mistakes in YAML files: unknown fields, references to nothing, what a mesh would accept in silence. IST codes are Istio’s own.',
    )
    .argument('<path...>', 'YAML files and folders')
    .addOption(new Option('-o, --output <format>', 'output format').choices(['text', 'json']).default('text'))
    .option('--conditions', 'only what resources of the Gateway API are told: Accepted, Programmed, ResolvedRefs, …')
    .addHelpText('after', help)
    .action(analyze);
}

type Options = { readonly output: 'text' | 'json'; readonly conditions?: boolean };

async function analyze(paths: readonly string[], { output, conditions: only = false }: Options): Promise<void> {
  const analysis = await analyzeFiles(paths);
  const { diagnostics, resources, conditions } = analysis;
  if (output === 'json') process.stdout.write(`${JSON.stringify(only ? conditions : diagnostics, null, 2)}\n`);
  else process.stdout.write(`${textOf(analysis, only)}\n`);
  if (resources === 0 && diagnostics.length === 0) fail(`there are no resources in ${paths.join(', ')}`);
  else process.exitCode = exitCodeFor(diagnostics, { findings: ['error', 'warning'] });
}

/** Findings first, then the table of conditions where there are any. */
function textOf({ diagnostics, resources, conditions }: Analysis, only: boolean): string {
  const paint = paintFor(process.stdout);
  const table = conditionTable(conditions, paint);
  if (only) return table === '' ? 'no resources of the Gateway API' : table;
  const findings = diagnostics.length > 0 ? diagnosticLines(diagnostics, paint) : `no mistakes found in ${resources} resources`;
  return table === '' ? findings : `${findings}\n\n${table}`;
}
