// `heddle scale KIND/NAME --replicas N`: more or fewer pods of the running mesh.
import { Command, InvalidArgumentError } from 'commander';
import { change } from '#admin/client/client.ts';
import type { ChangeAnswer } from '#admin/client/verbs.ts';
import { tellChanges } from '#cli/apply.ts';
import { readOneName, targetOf, tellFailure, type VerbOptions, withVerbOptions } from '#cli/verb.ts';

const help = `
Holds until the mesh ends, or its file says another number than it does now.

Examples:
  heddle scale deployment/reviews-v1 --replicas 3
  heddle scale deploy reviews-v1 --replicas 0
`;

export function scaleCommand(): Command {
  return withVerbOptions(new Command('scale'))
    .description('Sets how many pods a Deployment, ReplicaSet or StatefulSet has.')
    .argument('<resource...>', 'KIND NAME or KIND/NAME')
    .requiredOption('--replicas <count>', 'how many', count)
    .addHelpText('after', help)
    .action(scale);
}

async function scale(words: readonly string[], options: VerbOptions & { readonly replicas: number }): Promise<void> {
  const name = readOneName(words, options.namespace);
  const target = name === undefined ? undefined : targetOf(options);
  if (name === undefined || target === undefined) return;
  const answer = await change(target, '/scale', { ...name, replicas: options.replicas });
  if (answer.ok)
    tellChanges(answer.value as ChangeAnswer); // what this API answers: verbs.ts
  else tellFailure(answer.error);
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 1000) throw new InvalidArgumentError('It must be a whole number, 0 to 1000.');
  return value;
}
