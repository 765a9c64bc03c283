// `heddle apply -f`: resources laid over the files of the running mesh. What would not be right is refused as a whole, with its lines.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { change } from '#admin/client/client.ts';
import type { ChangeAnswer, ManifestRequest, ResourceChange } from '#admin/client/verbs.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { fail, paintFor } from '#cli/style.ts';
import { targetOf, tellDiagnostics, tellFailure, type VerbOptions, withVerbOptions } from '#cli/verb.ts';

type ApplyOptions = Omit<VerbOptions, 'namespace'> & { readonly filename: readonly string[]; readonly namespace?: string; readonly dryRun?: true };

const help = `
What is applied lies over the files of \`heddle up\` and never changes them: a resource that a file defines, too, is covered until
\`heddle delete\`, also by the next mesh with this state folder (it is kept in STATE/applied). Everything is judged first, as \`heddle
analyze\` would with it; where there is an error, nothing is changed.

Examples:
  heddle apply -f canary.yaml
  heddle apply -f policies/ --dry-run
  kubectl get vs reviews -o yaml | heddle apply -f -
`;

export function applyCommand(): Command {
  return withVerbOptions(new Command('apply'))
    .description('Puts resources into the running mesh, over its files.')
    .requiredOption('-f, --filename <file...>', 'YAML files, folders of them, or - for what is piped in')
    .option('--dry-run', 'judge and say what would change, and change nothing')
    .addHelpText('after', help)
    .action((options: ApplyOptions, command: Command) => apply(options, command));
}

async function apply(options: ApplyOptions, command: Command): Promise<void> {
  const files = readGiven(options.filename);
  if (!files.ok) {
    fail(files.error);
    return;
  }
  const target = targetOf(options);
  if (target === undefined) return;
  // Without -n, resources that name no namespace are of `default`, and those that name one may name any.
  const isGiven = command.getOptionValueSource('namespace') === 'cli';
  const request: ManifestRequest = {
    files: files.value,
    ...(isGiven && options.namespace !== undefined && { namespace: options.namespace }),
    ...(options.dryRun === true && { dryRun: true }),
  };
  const answer = await change(target, '/apply', request);
  if (!answer.ok) tellFailure(answer.error);
  else tellChanges(answer.value as ChangeAnswer, options.dryRun === true); // what this API answers: verbs.ts
}

/** One line each: `virtualservice/reviews configured (in place of routing.yaml:12:1)`. */
export function tellChanges({ changes, diagnostics }: ChangeAnswer, isDryRun = false): void {
  tellDiagnostics(diagnostics);
  const paint = paintFor(process.stdout);
  for (const { resource, namespace, change: what, note } of changes satisfies readonly ResourceChange[]) {
    const where = namespace === '' || namespace === 'default' ? '' : ` in ${namespace}`;
    const notes = [...(isDryRun ? ['dry run'] : []), ...(note === undefined ? [] : [note])];
    process.stdout.write(`${resource} ${what}${where}${notes.length === 0 ? '' : paint.dim(` (${notes.join('; ')})`)}\n`);
  }
}

/** The texts of the files, of the YAML and JSON files of folders, and of the standard input. */
export function readGiven(paths: readonly string[]): Result<ManifestRequest['files'], string> {
  const files: { readonly file: string; readonly text: string }[] = [];
  for (const path of paths) {
    try {
      if (path === '-') files.push({ file: '(standard input)', text: readFileSync(0, 'utf8') });
      else {
        const found = filesOf(path);
        if (found.length === 0) return failed(`there is no YAML or JSON file in the folder ${path}`);
        for (const file of found) files.push({ file, text: readFileSync(file, 'utf8') });
      }
    } catch (error) {
      const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      return failed(
        isMissing ? `there is no file or folder ${path}` : `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
  return ok(files);
}

function filesOf(path: string): readonly string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .filter((name) => /\.(?:ya?ml|json)$/.test(name) && name !== 'heddle.yaml' && !name.startsWith('.'))
    .sort()
    .map((name) => join(path, name));
}
