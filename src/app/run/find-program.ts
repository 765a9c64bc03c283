// Which file a command is, as a shell finds it; what is wrong with it where none can be run. Pure but for looking at files.
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, resolve } from 'node:path';
import { failed, ok, type Result } from '#base/result.ts';

/** `exitCode`: a shell's, 127 for a command that is not there and 126 for one that cannot be run. */
export type NoProgram = { readonly exitCode: 126 | 127; readonly reason: string };

/** `path`: PATH. A command with a slash is a file, from `cwd`. */
export function findProgram(command: string, path: string, cwd: string): Result<string, NoProgram> {
  const candidates = command.includes('/') ? [resolve(cwd, command)] : path.split(delimiter).map((folder) => resolve(cwd, folder || '.', command));
  let fault: string | undefined;
  for (const file of command === '' ? [] : candidates) {
    const found = kindOf(file);
    if (found === 'none') continue;
    if (found === 'file' && isExecutable(file)) return ok(file);
    // A folder of that name on PATH is no fault, nor is one that this user may not look into.
    if (command.includes('/') || found === 'file') fault ??= found === 'folder' ? `${file} is a folder` : `${file} is not executable`;
  }
  if (fault !== undefined) return failed({ exitCode: 126, reason: fault });
  return failed({ exitCode: 127, reason: command.includes('/') ? `there is no file ${command}` : `there is no program ${command} on PATH` });
}

function kindOf(file: string): 'none' | 'file' | 'folder' | 'out of reach' {
  try {
    const found = statSync(file, { throwIfNoEntry: false });
    if (found === undefined) return 'none';
    return found.isDirectory() ? 'folder' : 'file';
  } catch (error) {
    // ENOTDIR: a part of the path is a file.
    return error instanceof Error && 'code' in error && error.code === 'EACCES' ? 'out of reach' : 'none';
  }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
