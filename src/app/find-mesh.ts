// Which mesh a command means: the one of the state folder that was named, or the one that runs here or in a folder above. In: folders. Out: its state and how
// its admin API is asked, or a sentence that says why there is none.
import { readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import type { AdminTarget } from '#admin/client/client.ts';
import { adminTarget } from '#app/admin-token.ts';
import { findMesh, type MeshState } from '#app/mesh-state.ts';
import { failed, ok, type Result } from '#base/result.ts';

export type RunningMeshPlace = { readonly folder: string; readonly state: MeshState; readonly target: AdminTarget };
export type NoMesh = { readonly message: string; readonly hint: string };

/** `stateFolder` undefined: looked for in `here` and above, in folders whose names begin with `.heddle`. */
export function findRunningMesh(stateFolder: string | undefined, here: string): Result<RunningMeshPlace, NoMesh> {
  if (stateFolder !== undefined) return at(stateFolder);
  for (let folder = resolve(here); ; folder = dirname(folder)) {
    const running = stateFoldersIn(folder).filter((one) => findMesh(one).kind === 'running');
    if (running.length > 1) {
      const names = running.map((one) => `--state-dir ${relative(here, one)}`).join(' or ');
      return failed({ message: `several meshes run in ${folder}`, hint: `say which one: ${names}` });
    }
    const [only] = running;
    if (only !== undefined) return at(only);
    if (folder === dirname(folder)) break;
  }
  return failed({ message: 'no mesh runs here', hint: 'start one: heddle up PATH; or say where its state is: --state-dir FOLDER' });
}

function at(folder: string): Result<RunningMeshPlace, NoMesh> {
  const found = findMesh(folder);
  if (found.kind === 'none') return failed({ message: `no mesh runs with its state in ${folder}`, hint: 'start one: heddle up PATH' });
  if (found.kind === 'dead')
    return failed({ message: `the mesh of ${folder} (pid ${found.state.pid}) ended without tidying up`, hint: 'start it again: heddle up PATH' });
  const { adminUrl } = found.state;
  if (adminUrl === undefined) return failed({ message: `the mesh of ${folder} is still being started`, hint: 'ask again in a moment' });
  return ok({ folder, state: found.state, target: adminTarget(folder, adminUrl) });
}

function stateFoldersIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && entry.name.startsWith('.heddle'))
      .map((entry) => join(folder, entry.name));
  } catch {
    return [];
  }
}
