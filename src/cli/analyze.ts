// `heddle analyze PATH`: every mistake in YAML files with its place and its fix, without running anything.
import { Command, Option } from 'commander';
import { analyzeFiles } from '#app/analyze-files.ts';
import { diagnosticLines } from '#cli/event-line.ts';
import { exitCodeFor } from '#cli/exit-code.ts';
import { fail, paintFor } from '#cli/style.ts';

const help = `
Exit code: 0 nothing found but remarks, 1 errors or warnings, 2 something could not be read.

Examples:
  heddle analyze examples/hello/as-published
  heddle analyze mesh/ -o json | jq -r '.[].code'
`;

export function analyzeCommand(): Command {
  return new Command('analyze')
    .description(
      'Finds mistakes in YAML files: unknown fields, references to nothing, what a mesh would accept in silence. IST codes are Istio’s own.',
    )
    .argument('<path...>', 'YAML files and folders')
    .addOption(new Option('-o, --output <format>', 'output format').choices(['text', 'json']).default('text'))
    .addHelpText('after', help)
    .action(analyze);
}

async function analyze(paths: readonly string[], { output }: { readonly output: 'text' | 'json' }): Promise<void> {
  const { diagnostics, resources } = await analyzeFiles(paths);
  if (output === 'json') process.stdout.write(`${JSON.stringify(diagnostics, null, 2)}\n`);
  else if (diagnostics.length > 0) process.stdout.write(`${diagnosticLines(diagnostics, paintFor(process.stdout))}\n`);
  else process.stdout.write(`no mistakes found in ${resources} resources\n`);
  if (resources === 0 && diagnostics.length === 0) fail(`there are no resources in ${paths.join(', ')}`);
  else process.exitCode = exitCodeFor(diagnostics, { findings: ['error', 'warning'] });
}
