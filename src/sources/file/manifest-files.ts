// Which files of the given paths are read, in the order that decides between duplicates: paths as given, then by name, folders with their
// files. The rule:
// - A file that is named itself is read, whatever it is called.
// - In a folder, every *.yaml, *.yml and *.json is read, and so are its folders, except names that start with a dot and node_modules.
// - A folder inside that has a heddle.yaml of its own is another mesh and is not entered.
// - heddle.yaml is Heddle's own; well-known files of other tools (kustomization.yaml, Chart.yaml …) are left out with a note.
import { lstat, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, normalize, sep } from 'node:path';
import type { Diagnostic } from '#base/diagnostic.ts';

export type ManifestFiles = {
  /** In order, each once, as they are shown to the user: joined from the path as given. */
  readonly files: readonly string[];
  /** Every folder whose entries matter, to be watched. */
  readonly folders: readonly string[];
  /** Which of the given paths cannot be read. */
  readonly missing: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
};

/** File names that belong to other tools, and whose. */
const filesOfOthers: Readonly<Record<string, string>> = {
  'kustomization.yaml': 'Kustomize',
  'kustomization.yml': 'Kustomize',
  'Chart.yaml': 'Helm',
  'values.yaml': 'Helm',
  'skaffold.yaml': 'Skaffold',
  'docker-compose.yaml': 'Docker Compose',
  'docker-compose.yml': 'Docker Compose',
  'compose.yaml': 'Docker Compose',
  'compose.yml': 'Docker Compose',
  'package.json': 'npm',
  'package-lock.json': 'npm',
  'tsconfig.json': 'TypeScript',
  'pnpm-lock.yaml': 'pnpm',
  'pnpm-workspace.yaml': 'pnpm',
  'mkdocs.yml': 'MkDocs',
  'renovate.json': 'Renovate',
};

const ownFile = 'heddle.yaml';

/** The one form of a path in here, in which paths can be compared: `./a//b/` is `a/b`. */
export function plainPath(path: string): string {
  const plain = normalize(path);
  return plain.length > 1 && plain.endsWith(sep) ? plain.slice(0, -1) : plain;
}

/** Finds the files to read. `paths` are plain. Paths that cannot be read become HDL0002. */
export async function findManifestFiles(paths: readonly string[]): Promise<ManifestFiles> {
  const found: Found = { files: new Set(), folders: new Set(), diagnostics: [] };
  const missing: string[] = [];
  for (const path of paths) {
    try {
      if ((await stat(path)).isDirectory()) {
        await addFolder(path, found);
      } else {
        found.files.add(path);
        found.folders.add(dirname(path));
      }
    } catch (error) {
      found.folders.add(dirname(path));
      missing.push(path);
      found.diagnostics.push(unreadable(path, error));
    }
  }
  return { files: [...found.files], folders: [...found.folders], missing, diagnostics: found.diagnostics };
}

type Found = { readonly files: Set<string>; readonly folders: Set<string>; readonly diagnostics: Diagnostic[] };

async function addFolder(folder: string, found: Found): Promise<void> {
  if (found.folders.has(folder)) return;
  found.folders.add(folder);
  const names = (await readdir(folder)).sort();
  for (const name of names) {
    if (name.startsWith('.') || name === 'node_modules') continue;
    const path = join(folder, name);
    try {
      // Links to folders are followed only when they are named themselves: a link can lead back up.
      const entry = await lstat(path);
      if (entry.isDirectory()) await enterFolder(path, found);
      else if (/\.(?:ya?ml|json)$/.test(name)) addFile(path, found);
    } catch (error) {
      // Gone since the folder was listed: as if it had never been there.
      if (!isMissing(error)) found.diagnostics.push(unreadable(path, error));
    }
  }
}

async function enterFolder(folder: string, found: Found): Promise<void> {
  const names = await readdir(folder);
  if (names.includes(ownFile)) return;
  await addFolder(folder, found);
}

function addFile(path: string, found: Found): void {
  const name = basename(path);
  if (name === ownFile) return;
  const owner = Object.hasOwn(filesOfOthers, name) ? filesOfOthers[name] : undefined;
  if (owner === undefined) {
    found.files.add(path);
    return;
  }
  const at = { file: path, line: 0, col: 0 };
  const hint = owner === 'Docker Compose' ? { hint: `name it to run it: heddle up ${path}` } : {};
  found.diagnostics.push({ code: 'HDL0008', severity: 'info', message: `not read: ${name} belongs to ${owner}`, ...hint, at });
}

/** A diagnostic for a path that could not be read. */
export function unreadable(path: string, error: unknown): Diagnostic {
  const reason = isMissing(error) ? 'no such file or folder' : error instanceof Error ? error.message : String(error);
  return { code: 'HDL0002', severity: 'error', message: `cannot read ${path}: ${reason}`, at: { file: path, line: 0, col: 0 } };
}

/** Whether an error of node:fs says that the path does not exist. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
