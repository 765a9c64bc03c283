// Watches folders (not what lies below them) and says which paths were touched. Editors save by writing, or by renaming a new file over the old
// one; both show up in the folder, so folders are watched and never files.
import { type FSWatcher, watch } from 'node:fs';
import { basename, join } from 'node:path';

/** `path` is a touched entry; undefined where the system did not say which. `structure`: entries came or went. */
export type FolderEvent = { readonly path: string | undefined; readonly structure: boolean };

export class FolderWatcher {
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #onEvent: (event: FolderEvent) => void;
  readonly #onError: (folder: string, error: Error) => void;

  constructor(onEvent: (event: FolderEvent) => void, onError: (folder: string, error: Error) => void) {
    this.#onEvent = onEvent;
    this.#onError = onError;
  }

  /** Watches exactly these folders from now on. True where a folder was added, so that it may have changed before it was watched. */
  watch(folders: readonly string[]): boolean {
    const wanted = new Set(folders);
    for (const folder of this.#watchers.keys()) {
      if (!wanted.has(folder)) this.#forget(folder);
    }
    let added = false;
    for (const folder of wanted) {
      if (this.#watchers.has(folder)) continue;
      added = this.#add(folder) || added;
    }
    return added;
  }

  close(): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #add(folder: string): boolean {
    try {
      const watcher = watch(folder, { persistent: false }, (type, name) => {
        const path = name === null ? undefined : join(folder, name);
        if (type === 'rename') this.#forgetReplaced(folder, name, path);
        this.#onEvent({ path, structure: type === 'rename' });
      });
      watcher.on('error', (error) => this.#drop(folder, error));
      this.#watchers.set(folder, watcher);
      return true;
    } catch (error) {
      this.#onError(folder, error instanceof Error ? error : new Error(String(error)));
      return false;
    }
  }

  /** A folder that was removed, and perhaps made anew under its name, must be watched anew: the old watch is deaf. */
  #forgetReplaced(folder: string, name: string | null, path: string | undefined): void {
    if (path !== undefined && this.#watchers.has(path)) this.#forget(path);
    if (name === basename(folder)) this.#forget(folder);
  }

  #forget(folder: string): void {
    this.#watchers.get(folder)?.close();
    this.#watchers.delete(folder);
  }

  #drop(folder: string, error: Error): void {
    this.#forget(folder);
    this.#onError(folder, error);
  }
}
