// `heddle rollout restart|status`: pods replaced one after the other, the new one ready before the old one leaves, and how far that has come.
import { Command, InvalidArgumentError } from 'commander';
import { type AdminTarget, change, read } from '#admin/client/client.ts';
import type { ChangeAnswer, ResourceName, RolloutView } from '#admin/client/verbs.ts';
import { tellChanges } from '#cli/apply.ts';
import { fail } from '#cli/style.ts';
import { readNames, targetOf, tellFailure, type VerbOptions, withVerbOptions } from '#cli/verb.ts';

type StatusOptions = VerbOptions & { readonly watch: boolean; readonly timeout: number };

/** How often a rollout is looked at. */
const lookMs = 150;

const help = `
Examples:
  heddle rollout restart deployment/reviews-v1
  heddle rollout restart deployment reviews-v1 reviews-v2
  heddle rollout status deployment/reviews-v1 --timeout 60
`;

export function rolloutCommand(): Command {
  const command = new Command('rollout').description(
    'Replaces the pods of a Deployment, ReplicaSet, StatefulSet or DaemonSet, and says how far that is.',
  );
  command.addCommand(
    withVerbOptions(new Command('restart'))
      .description('Replaces every pod: a new one is ready before an old one leaves.')
      .argument('<resource...>', 'KIND NAME... or KIND/NAME...')
      .addHelpText('after', help)
      .action(restart),
  );
  command.addCommand(
    withVerbOptions(new Command('status'))
      .description('Waits until every pod is the newest one and ready. Exit code 1 when that takes too long.')
      .argument('<resource...>', 'KIND NAME... or KIND/NAME...')
      .option('--no-watch', 'say how it is, and do not wait')
      .option('--timeout <seconds>', 'how long to wait', seconds, 300)
      .addHelpText('after', help)
      .action(status),
  );
  return command.addHelpText('after', help);
}

async function restart(words: readonly string[], options: VerbOptions): Promise<void> {
  const asked = ask(words, options);
  if (asked === undefined) return;
  for (const name of asked.names) {
    const answer = await change(asked.target, '/restart', name);
    if (answer.ok)
      tellChanges(answer.value as ChangeAnswer); // what this API answers: verbs.ts
    else tellFailure(answer.error);
  }
}

async function status(words: readonly string[], { watch, timeout, ...options }: StatusOptions): Promise<void> {
  const asked = ask(words, options);
  if (asked === undefined) return;
  const deadline = performance.now() + timeout * 1000;
  for (const name of asked.names) {
    for (let told = ''; ; ) {
      const answer = await read(asked.target, '/rollout', name);
      if (!answer.ok) {
        tellFailure(answer.error);
        return;
      }
      const { isDone, message, resource } = answer.value as RolloutView; // what this API answers: verbs.ts
      const line = `${resource}: ${isDone || !watch ? '' : 'waiting, '}${message}\n`;
      if (line !== told) process.stdout.write(line);
      told = line;
      if (isDone) break;
      if (!watch) {
        process.exitCode = 1;
        break;
      }
      if (performance.now() > deadline) {
        fail(`${resource} was not done within ${timeout} s: ${message}`, { hint: `heddle describe ${resource}`, exitCode: 1 });
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, lookMs));
    }
  }
}

function ask(words: readonly string[], options: VerbOptions): { readonly target: AdminTarget; readonly names: readonly ResourceName[] } | undefined {
  const read_ = readNames(words);
  const names = read_.ok ? read_.value.flatMap(({ kind, name }) => (name === undefined ? [] : [{ kind, name, namespace: options.namespace }])) : [];
  if (names.length === 0) {
    fail(read_.ok ? 'say which one: KIND NAME' : read_.error, { hint: 'heddle rollout restart deployment/reviews-v1' });
    return undefined;
  }
  const target = targetOf(options);
  return target === undefined ? undefined : { target, names };
}

function seconds(text: string): number {
  const value = Number(text.replace(/s$/, ''));
  if (!(value > 0)) throw new InvalidArgumentError('It must be a number of seconds.');
  return value;
}
