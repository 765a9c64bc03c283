// Files that nobody else may read, and that are there either whole or as they were: written beside their place and moved there.
import { chmodSync, closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** Makes the folder and those above it; only its owner may enter one that is made here. Throws where that cannot be. */
export function makePrivateFolder(folder: string): void {
  // One by one: where the system says of a folder that is there that it is not (/proc), Node's own way of making several never ends.
  const path = resolve(folder);
  if (existsSync(path)) {
    if (!statSync(path).isDirectory()) throw new Error(`${folder} is no folder`);
    return;
  }
  if (dirname(path) !== path) makePrivateFolder(dirname(path));
  mkdirSync(path, { mode: 0o700 });
  chmodSync(path, 0o700);
}

/** Mode 0600 unless said otherwise, on the disk before it takes its name. */
export function writeWhole(folder: string, name: string, text: string, mode = 0o600): void {
  const fresh = join(folder, `.${name}.${process.pid}.fresh`);
  rmSync(fresh, { force: true });
  const file = openSync(fresh, 'wx', mode);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(fresh, join(folder, name));
}

/** Undefined where there is no such file; throws where it cannot be read. */
export function readIfThere(folder: string, name: string): string | undefined {
  try {
    return readFileSync(join(folder, name), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined;
    throw error;
  }
}

/** Whether others than the owner may read it. Windows keeps no such bits. */
export function isOpenToOthers(path: string): boolean {
  return process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0;
}
