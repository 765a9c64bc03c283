// What programs beside `heddle up` ask about a mesh that runs (or ran) here: its state, and its log files.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isRunning } from '#runtime/leftovers.ts';
import { readState, type MeshState as State } from '#runtime/state.ts';

/** What .heddle/state.json holds. */
export type MeshState = State;

export type FoundMesh =
  | { readonly kind: 'running'; readonly state: MeshState }
  /** Its process is gone without having tidied up. */
  | { readonly kind: 'dead'; readonly state: MeshState }
  | { readonly kind: 'none' };

/** The mesh of a state folder (`.heddle`). */
export function findMesh(stateFolder: string): FoundMesh {
  const state = readState(stateFolder);
  if (state === undefined) return { kind: 'none' };
  return { kind: isRunning(state) ? 'running' : 'dead', state };
}

/** Where the logs of a mesh stand, also after it has ended. Undefined where there never was one. */
export function logFolder(stateFolder: string): string | undefined {
  const folder = join(stateFolder, 'logs');
  return existsSync(folder) ? folder : undefined;
}
