// `heddle status`: the state that `heddle up` keeps beside it, as a table or as JSON.
import { Command, Option } from 'commander';
import { findMesh } from '#app/mesh-state.ts';
import { meshTable } from '#cli/mesh-table.ts';
import { fail, paintFor } from '#cli/style.ts';

type StatusOptions = { readonly json?: boolean; readonly output: string; readonly stateDir: string };

export function statusCommand(): Command {
  return new Command('status')
    .description('Shows what runs: each workload with its version, readiness and address, the gateway and the admin interface.')
    .option('--json', 'the same as -o json')
    .addOption(new Option('-o, --output <format>', 'output format').choices(['text', 'json']).default('text'))
    .option('--state-dir <folder>', 'where `heddle up` keeps its state', '.heddle')
    .addHelpText(
      'after',
      "\nExit code: 0 when everything is ready, 1 when something is not or nothing runs.\n\nExamples:\n  heddle status\n  heddle status --json | jq -r .gatewayUrl\n  heddle status --json | jq '.workloads[] | {name, identity, mtls}'    who is it, and which ports take plaintext?\n",
    )
    .action(showStatus);
}

function showStatus({ json, output, stateDir }: StatusOptions): void {
  const found = findMesh(stateDir);
  if (found.kind !== 'running') {
    const why =
      found.kind === 'dead'
        ? `the mesh of ${stateDir} (pid ${found.state.pid}) ended without tidying up`
        : `no mesh runs with its state in ${stateDir}`;
    fail(why, { hint: 'start one: heddle up PATH', exitCode: 1 });
    return;
  }
  const { state } = found;
  process.stdout.write(
    json === true || output === 'json' ? `${JSON.stringify(state, null, 2)}\n` : `${meshTable(state, paintFor(process.stdout))}\n`,
  );
  const isFine = state.workloads.every(({ ready, phase }) => ready || phase === 'Succeeded');
  process.exitCode = isFine ? 0 : 1;
}
