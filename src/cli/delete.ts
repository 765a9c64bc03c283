// `heddle delete`: takes back what was applied, and starts pods anew. What stands in a file of the user's is the file's to say.
import { Command } from 'commander';
import { change } from '#admin/client/client.ts';
import type { ChangeAnswer } from '#admin/client/verbs.ts';
import { readGiven, tellChanges } from '#cli/apply.ts';
import { fail } from '#cli/style.ts';
import { readNames, targetOf, tellFailure, type VerbOptions, withVerbOptions } from '#cli/verb.ts';

type DeleteOptions = VerbOptions & { readonly filename?: readonly string[] };

const help = `
A resource that was applied goes; where a file defines it, too, the file's is in force again. A pod is ended and started anew, since its
controller or file still asks for it. Anything else stands in a file: take it out there.

Examples:
  heddle delete vs reviews
  heddle delete -f canary.yaml
  heddle delete pod ratings-v1-0
`;

export function deleteCommand(): Command {
  return withVerbOptions(new Command('delete'))
    .description('Takes back what `heddle apply` put into the running mesh, or starts a pod anew.')
    .argument('[resource...]', 'KIND NAME... or KIND/NAME...')
    .option('-f, --filename <file...>', 'everything that these files name; - for what is piped in')
    .addHelpText('after', help)
    .action((words: readonly string[], options: DeleteOptions, command: Command) => remove(words, options, command));
}

async function remove(words: readonly string[], options: DeleteOptions, command: Command): Promise<void> {
  if ((words.length === 0) === (options.filename === undefined)) {
    fail('say what to delete: KIND NAME, or -f FILE', { hint: 'heddle delete --help' });
    return;
  }
  const bodies = bodiesOf(words, options, command);
  if (bodies === undefined) return;
  const target = targetOf(options);
  if (target === undefined) return;
  for (const body of bodies) {
    const answer = await change(target, '/delete', body);
    if (answer.ok)
      tellChanges(answer.value as ChangeAnswer); // what this API answers: verbs.ts
    else tellFailure(answer.error);
  }
}

function bodiesOf(words: readonly string[], { namespace, filename }: DeleteOptions, command: Command): readonly object[] | undefined {
  if (filename !== undefined) {
    const files = readGiven(filename);
    if (!files.ok) {
      fail(files.error);
      return undefined;
    }
    return [{ files: files.value, ...(command.getOptionValueSource('namespace') === 'cli' && { namespace }) }];
  }
  const names = readNames(words);
  if (!names.ok || names.value.some(({ name }) => name === undefined)) {
    fail(names.ok ? 'say which one: KIND NAME' : names.error, { hint: 'heddle delete vs reviews' });
    return undefined;
  }
  return names.value.map(({ kind, name }) => ({ kind, name, namespace }));
}
