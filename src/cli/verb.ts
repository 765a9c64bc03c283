// What the commands that ask a running mesh share: their options, which mesh they mean, how a resource is named, and how a failure is told.
import type { Command } from 'commander';
import type { AdminFailure, AdminTarget } from '#admin/client/client.ts';
import type { ResourceName } from '#admin/client/verbs.ts';
import { findRunningMesh } from '#app/find-mesh.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { diagnosticLines } from '#cli/event-line.ts';
import { fail, paintFor } from '#cli/style.ts';

export type VerbOptions = { readonly namespace: string; readonly stateDir?: string };

export function withVerbOptions(command: Command): Command {
  return command
    .option('-n, --namespace <namespace>', 'of the resource', 'default')
    .option('--state-dir <folder>', 'where `heddle up` keeps its state; looked for here and in the folders above');
}

/** The admin API of the mesh that runs here. Tells why there is none. */
export function targetOf({ stateDir }: Pick<VerbOptions, 'stateDir'>): AdminTarget | undefined {
  const found = findRunningMesh(stateDir, process.cwd());
  if (found.ok) return found.value.target;
  fail(found.error.message, { hint: found.error.hint, exitCode: 1 });
  return undefined;
}

/** `pods reviews`, `pod/reviews`, `deployment/a deployment/b` → kinds and names; without a name: all of the kind. */
export function readNames(words: readonly string[]): Result<readonly { readonly kind: string; readonly name?: string }[], string> {
  const [first = '', ...rest] = words;
  if (words.some((word) => word.includes('/'))) {
    const named = words.map((word) => {
      const [kind = '', name = '', ...more] = word.split('/');
      return kind === '' || name === '' || more.length > 0 ? undefined : { kind, name };
    });
    const known = named.filter((one) => one !== undefined);
    return known.length === words.length ? ok(known) : failed('name resources as KIND NAME... or as KIND/NAME...');
  }
  const kinds = first.split(',').filter(Boolean);
  if (kinds.length === 0) return failed('say which kind: pods, services, virtualservices ...');
  return ok(kinds.flatMap((kind) => (rest.length === 0 ? [{ kind }] : rest.map((name) => ({ kind, name })))));
}

/** The one resource that a command is about; tells what is wrong with how it was named. */
export function readOneName(words: readonly string[], namespace: string): ResourceName | undefined {
  const read = readNames(words);
  const [one, ...more] = read.ok ? read.value : [];
  if (one?.name === undefined || more.length > 0) {
    fail(read.ok ? 'name one resource' : read.error, { hint: 'as KIND NAME or KIND/NAME: deployment reviews-v1' });
    return undefined;
  }
  return { kind: one.kind, name: one.name, namespace };
}

/** Exit code 1: what was asked for is not so; 2: it cannot be asked for. */
export function tellFailure({ status, error, hint, diagnostics = [] }: AdminFailure): void {
  tellDiagnostics(diagnostics);
  if (status === 'unreachable') fail(`the mesh does not answer: ${error}`, { hint: 'heddle status', exitCode: 1 });
  else if (status === 401) fail('the mesh does not take the token of its state folder', { hint: 'was it started by another user?', exitCode: 1 });
  else fail(error, { hint, exitCode: status === 400 ? 2 : 1 });
}

export function tellDiagnostics(diagnostics: readonly Diagnostic[]): void {
  if (diagnostics.length > 0) process.stderr.write(`${diagnosticLines(diagnostics, paintFor(process.stderr))}\n`);
}
