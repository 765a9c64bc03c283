// Ends a `heddle up` that was started through npm or npx: those pass a signal on to their shell at best, so it goes to the process itself.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitUntil } from '#test/support/wait-until.ts';

/** At the end of the scope: SIGINT to the process that `<folder>/state.json` names, then waits until it has drained and gone. */
export function stopMesh(stateFolder: string): AsyncDisposable {
  // Written by `heddle up`; its pid is all that is read.
  const { pid } = JSON.parse(readFileSync(join(stateFolder, 'state.json'), 'utf8')) as { readonly pid: number };
  const dispose = async (): Promise<void> => {
    process.kill(pid, 'SIGINT');
    await waitUntil(`heddle up (${pid}) to end`, () => !isRunning(pid), { timeoutMs: 20_000 });
  };
  return { [Symbol.asyncDispose]: dispose };
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
