// The image maps of a mesh: heddle.yaml beside each of the given files and folders, read again when one changes.
import { type FSWatcher, readFileSync, statSync, watch } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type ImageMap, imageMapFile, readImageMap } from '#runtime/image-map.ts';

/** The folders in which a heddle.yaml is looked for: each given folder, and the folder of each given file. */
export function imageMapFolders(paths: readonly string[]): readonly string[] {
  const folders = paths.map((path) => (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true ? path : dirname(path)));
  return [...new Set(folders)];
}

/** The maps that are there. A file that does not parse gives its diagnostics and no images. */
export function readImageMaps(folders: readonly string[]): readonly ImageMap[] {
  return folders.flatMap((folder) => {
    const file = join(folder, imageMapFile);
    try {
      return [readImageMap(file, readFileSync(file, 'utf8'))];
    } catch {
      return [];
    }
  });
}

/** Calls `onChange` some 50 ms after the last change of a heddle.yaml; the returned function ends it. */
export function watchImageMaps(folders: readonly string[], onChange: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  const watchers = folders.map((folder): FSWatcher => {
    const watcher = watch(folder, { persistent: false }, (_, name) => {
      if (name !== null && basename(name) !== imageMapFile) return;
      clearTimeout(timer);
      timer = setTimeout(onChange, 50);
    });
    watcher.on('error', () => {}); // a folder that goes away takes its image map along; the YAML source says so
    return watcher;
  });
  return () => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  };
}
