// YAML and JSON files and folders as a source of snapshots. With `watch`, every settled change of theirs is one new snapshot: changes are taken
// up when nothing has been touched for a few milliseconds, or after a longer while if the touching never ends. What cannot be read, parsed or
// validated keeps its last good version in force and gets a diagnostic. See manifest-files.ts for which files are read.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, resolve, sep } from 'node:path';
import type { Clock } from '#base/clock.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { DoubtedTexts, guards } from '#sources/file/doubted-texts.ts';
import { withoutDuplicates } from '#sources/file/duplicates.ts';
import { areAsRead, type FileState, readFileState } from '#sources/file/file-state.ts';
import { type FolderEvent, FolderWatcher } from '#sources/file/folder-watcher.ts';
import { findManifestFiles, isMissing, type ManifestFiles, plainPath, unreadable } from '#sources/file/manifest-files.ts';
import { SnapshotListeners } from '#sources/listeners.ts';
import { nextSnapshot } from '#sources/next-snapshot.ts';
import type { Snapshot, SnapshotSource } from '#sources/snapshot.ts';

export type FileSourceOptions = {
  /** Files and folders, as the user gave them: origins show them that way. */
  readonly paths: readonly string[];
  readonly clock: Clock;
  readonly watch: boolean;
  /** A change is taken up when nothing was touched for so long. */
  readonly quietMs?: number;
  /** And after so long at the latest. */
  readonly latestMs?: number;
  /** A file that is empty, or away, or lacks a policy that it held, may be half written: it is believed when it is still so after so long. */
  readonly doubtMs?: number;
};

/** Reads all files once; the first snapshot is there when this resolves. Mistakes in the files are diagnostics of the snapshot. */
export async function openFileSource(options: FileSourceOptions): Promise<FileSource> {
  const source = new FileSource(options);
  await source.load();
  return source;
}

export class FileSource implements SnapshotSource {
  readonly #paths: readonly string[];
  readonly #clock: Clock;
  readonly #quietMs: number;
  readonly #latestMs: number;
  readonly #watcher: FolderWatcher | undefined;
  readonly #listeners = new SnapshotListeners();
  readonly #states = new Map<string, FileState>();
  readonly #unreadable = new Map<string, Diagnostic>();
  readonly #unwatched = new Map<string, Diagnostic>();
  readonly #dirty = new Set<string>();
  readonly #doubted: DoubtedTexts;
  #found: ManifestFiles = { files: [], folders: [], missing: [], diagnostics: [] };
  #structureChanged = true;
  #firstTouchMs: number | undefined;
  #cancelTimer: (() => void) | undefined;
  #working: Promise<void> = Promise.resolve();
  #closed = false;
  #snapshot: Snapshot = nextSnapshot(undefined, [], []);

  constructor({ paths, clock, watch, quietMs = 8, latestMs = 100, doubtMs = 150 }: FileSourceOptions) {
    this.#paths = paths.map(plainPath);
    this.#clock = clock;
    this.#quietMs = quietMs;
    this.#latestMs = latestMs;
    this.#doubted = new DoubtedTexts(clock, doubtMs, (files) => {
      for (const file of files) this.#dirty.add(file);
      this.#reload();
    });
    if (!watch) return;
    this.#watcher = new FolderWatcher(
      (event) => this.#touched(event),
      (folder, error) => this.#unwatched.set(folder, unwatchedFolder(folder, error)),
    );
  }

  current(): Snapshot {
    return this.#snapshot;
  }

  onChange(listener: (snapshot: Snapshot) => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Reads everything that may have changed and publishes what did. Called once by `openFileSource`, then by the watcher. */
  async load(): Promise<void> {
    const isFirst = this.#found.folders.length === 0;
    if (this.#structureChanged) await this.#findFiles(isFirst);
    const touched = this.#found.files.filter(
      (file) => !this.#isLost(file) && (this.#isTouched(file) || (!this.#states.has(file) && !this.#unreadable.has(file))),
    );
    this.#dirty.clear();
    const texts = await Promise.all(touched.map((file) => readContent(file)));
    const read = new Map(touched.map((file, index) => [file, this.#read(file, texts[index] ?? null)]));
    const guarded = new Set(this.#found.files.flatMap((file) => guards((read.has(file) ? read.get(file) : this.#states.get(file))?.resources ?? [])));
    for (const [file, state] of read) this.#take(file, state, guarded);
    this.#watchFolders();
    this.#publish(isFirst);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#watcher?.close();
    this.#cancelTimer?.();
    this.#doubted.close();
    this.#listeners.clear();
    await this.#working;
  }

  async #findFiles(isFirst: boolean): Promise<void> {
    this.#structureChanged = false;
    const before = this.#found.files;
    this.#found = await findManifestFiles(this.#paths);
    // What came into a folder between listing and watching it would be missed: list again when it is watched.
    if (this.#watchFolders()) this.#found = await findManifestFiles(this.#paths);
    // A path that was asked for and is gone keeps what it said: a folder may be swapped, a file replaced slowly. HDL0002 says so.
    // So does, for a moment, a file with policies: it may be away only until another takes its place.
    const found = new Set(this.#found.files);
    const lost = before.filter((file) => !found.has(file) && (this.#isLost(file) || guards(this.#states.get(file)?.resources ?? []).length > 0));
    if (lost.length > 0) this.#found = { ...this.#found, files: [...this.#found.files, ...lost] };
    const files = new Set(this.#found.files);
    for (const file of this.#states.keys()) if (!files.has(file)) this.#states.delete(file);
    for (const file of this.#unreadable.keys()) if (!files.has(file)) this.#unreadable.delete(file);
    if (!isFirst) for (const file of files) this.#dirty.add(file);
  }

  /** It, or what it refers to. */
  #isTouched(file: string): boolean {
    const others = this.#states.get(file)?.others;
    return this.#dirty.has(file) || (others !== undefined && others.size > 0 && [...this.#dirty].some((path) => others.has(resolve(path))));
  }

  /** The folders of all files, and of what they refer to. True where one was added. */
  #watchFolders(): boolean {
    if (this.#closed || this.#watcher === undefined) return false;
    const ofOthers = [...this.#states.values()].flatMap(({ others }) =>
      [...others.keys()].map((path) => dirname(path)).filter((path) => existsSync(path)),
    );
    const known = new Set(this.#found.folders.map((folder) => resolve(folder)));
    return this.#watcher.watch([...this.#found.folders, ...ofOthers.filter((folder) => !known.has(folder))]);
  }

  /** Whether a file belongs to a path of the user's that cannot be read now. */
  #isLost(file: string): boolean {
    return this.#found.missing.some((path) => file === path || file.startsWith(path + sep));
  }

  /** What a file says now, by its text; undefined where it is gone. What cannot be read says what it said before. */
  #read(file: string, content: string | null | Error): FileState | undefined {
    this.#unreadable.delete(file);
    const previous = this.#states.get(file);
    if (content === null) return undefined;
    if (content instanceof Error) {
      this.#unreadable.set(file, unreadable(file, content));
      return previous;
    }
    return previous?.text === content && areAsRead(previous.others) ? previous : readFileState(file, content, previous);
  }

  /** Takes over what a file says now, unless it may still be about to say more. `guarded`: the policies that all files together hold now. */
  #take(file: string, state: FileState | undefined, guarded: ReadonlySet<string>): void {
    const previous = this.#states.get(file);
    const isDoubtful = previous !== undefined && (state?.text.trim() === '' || guards(previous.resources).some((policy) => !guarded.has(policy)));
    if (isDoubtful && state !== previous && this.#doubted.isTooSoon(file, state?.text ?? null)) return;
    this.#doubted.settle(file);
    if (state === undefined) this.#states.delete(file);
    else this.#states.set(file, state);
  }

  #publish(isFirst: boolean): void {
    const states = this.#found.files.flatMap((file) => this.#states.get(file) ?? []);
    const unique = withoutDuplicates(states.flatMap(({ resources }) => resources));
    const diagnostics = [
      ...this.#found.diagnostics,
      ...this.#unwatched.values(),
      ...this.#unreadable.values(),
      ...states.flatMap((state) => state.diagnostics),
      ...unique.diagnostics,
    ];
    const snapshot = nextSnapshot(isFirst ? undefined : this.#snapshot, unique.resources, diagnostics);
    if (!isFirst && snapshot.changed.size === 0 && isSameList(diagnostics, this.#snapshot.diagnostics)) return;
    this.#snapshot = snapshot;
    if (!isFirst && !this.#closed) this.#listeners.tell(snapshot);
  }

  #touched({ path, structure }: FolderEvent): void {
    if (path === undefined) this.#structureChanged = true;
    else this.#dirty.add(path);
    if (structure) this.#structureChanged = true;
    this.#schedule();
  }

  /** Reloads when all has been quiet, or when the first touch is too long ago. */
  #schedule(): void {
    if (this.#closed) return;
    const now = this.#clock.monotonicMs();
    this.#firstTouchMs ??= now;
    const waitMs = Math.max(0, Math.min(this.#quietMs, this.#firstTouchMs + this.#latestMs - now));
    this.#cancelTimer?.();
    this.#cancelTimer = this.#clock.after(waitMs, () => {
      this.#cancelTimer = undefined;
      this.#firstTouchMs = undefined;
      this.#reload();
    });
  }

  #reload(): void {
    this.#working = this.#working.then(() => (this.#closed ? undefined : this.load()));
  }
}

async function readContent(file: string): Promise<string | null | Error> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (isMissing(error)) return null;
    return error instanceof Error ? error : new Error(String(error));
  }
}

function unwatchedFolder(folder: string, error: Error): Diagnostic {
  return {
    code: 'HDL0009',
    severity: 'warning',
    message: `changes in ${folder} will not be seen: ${error.message}`,
    at: { file: folder, line: 0, col: 0 },
  };
}

function isSameList(a: readonly Diagnostic[], b: readonly Diagnostic[]): boolean {
  return a.length === b.length && JSON.stringify(a) === JSON.stringify(b);
}
