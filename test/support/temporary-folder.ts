// A folder that goes away with the scope that made it: `await using folder = await temporaryFolder()`.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export type TemporaryFolder = AsyncDisposable & {
  readonly path: string;
  /** Writes a file (and the folders above it) below the folder; gives its absolute path. */
  readonly write: (name: string, content: string) => Promise<string>;
};

/** `files`: name below the folder → content. */
export async function temporaryFolder(files: Readonly<Record<string, string>> = {}): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(tmpdir(), 'heddle-test-'));
  const write = async (name: string, content: string): Promise<string> => {
    const file = join(path, name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
    return file;
  };
  for (const [name, content] of Object.entries(files)) await write(name, content);
  return { path, write, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 3 }) };
}
