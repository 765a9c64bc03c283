// An authority that lives in a folder: read at the start, followed while it runs. A state that does not fit together (half written, wrong) is told
// and not taken: the last good one goes on signing. A change of the root goes on by itself when its time has come.
import { type FSWatcher, watch } from 'node:fs';
import type { Clock } from '#base/clock.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import type { Logger } from '#base/logger.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { createFolder, type FolderContent, isEmptyFolder, readFolder, unusable } from '#ca/folder/ca-folder.ts';
import { advanceRotation, readRotation, settleRotation } from '#ca/folder/rotation.ts';
import { fileNames } from '#ca/signing-set.ts';

export type Authority = Disposable & {
  readonly folder: string;
  /** What is in force: replaced as a whole, never changed. */
  readonly content: () => FolderContent;
  readonly diagnostics: () => readonly Diagnostic[];
  /** Called when the content or the diagnostics changed; the returned function ends that. */
  readonly onChange: (listener: () => void) => () => void;
};

export type AuthorityOptions = {
  readonly folder: string;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** Files are written one after the other; what they are together is looked at when it is quiet. */
const quietMs = 100;
/** Also without an event: some file systems tell none, and steps and ends come with time. */
const lookMs = 60_000;
const dayMs = 24 * 3_600_000;
const warnBeforeMs = 30 * dayMs;

/** Makes the authority where the folder is empty or missing. The failure is a folder that cannot be used as it is. */
export function openAuthority(options: AuthorityOptions): Result<Authority, Diagnostic> {
  const { folder, clock, logger } = options;
  try {
    if (isEmptyFolder(folder)) {
      createFolder(folder, clock);
      logger.log('info', 'new certificate authority made', { folder });
    }
    settleRotation(folder);
  } catch (error) {
    return failed(unusable(folder, error instanceof Error ? error.message : String(error)));
  }
  const first = readFolder(folder, clock.nowMs());
  if (!first.ok) return first;
  const followed = new FollowedFolder(options, first.value);
  return ok({
    folder,
    content: () => followed.content,
    diagnostics: () => followed.diagnostics,
    onChange: (listener) => followed.onChange(listener),
    [Symbol.dispose]: () => followed.close(),
  });
}

class FollowedFolder {
  readonly #options: AuthorityOptions;
  readonly #listeners = new Set<() => void>();
  #watcher: FSWatcher | undefined;
  #cancelLook: (() => void) | undefined;
  #cancelQuiet: (() => void) | undefined;
  content: FolderContent;
  diagnostics: readonly Diagnostic[];

  constructor(options: AuthorityOptions, content: FolderContent) {
    this.#options = options;
    this.content = content;
    this.diagnostics = endsSoon(options.folder, content, options.clock.nowMs());
    this.#look();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#watcher?.close();
    this.#cancelLook?.();
    this.#cancelQuiet?.();
    this.#listeners.clear();
  }

  #look(): void {
    this.#cancelLook?.();
    this.#cancelLook = this.#options.clock.after(lookMs, () => {
      this.#read();
      this.#look();
    });
    // A folder that was put in the place of another is watched anew.
    this.#watcher?.close();
    this.#watcher = this.#watch();
  }

  #watch(): FSWatcher | undefined {
    try {
      const watcher = watch(this.#options.folder, { persistent: false }, () => this.#readWhenQuiet());
      watcher.on('error', () => watcher.close());
      return watcher;
    } catch {
      return undefined;
    }
  }

  #readWhenQuiet(): void {
    this.#cancelQuiet?.();
    this.#cancelQuiet = this.#options.clock.after(quietMs, () => this.#read());
  }

  #read(): void {
    const { folder, clock, logger } = this.#options;
    const moved = this.#moveOn();
    const read = moved.ok ? readFolder(folder, clock.nowMs()) : moved;
    const content = read.ok ? read.value : this.content;
    // An authority whose own time is over signs nothing any more, and what it read before is no better.
    const isOver = content.set.notAfterMs <= clock.nowMs();
    const diagnostics = [...(read.ok ? [] : [isOver ? read.error : signsOn(read.error)]), ...endsSoon(folder, content, clock.nowMs())];
    const isNew = !isSame(content, this.content);
    if (!isNew && JSON.stringify(diagnostics) === JSON.stringify(this.diagnostics)) return;
    if (isNew) logger.log('info', 'the certificate authority changed', { folder, roots: content.set.rootCertificates.length });
    this.content = isNew ? content : this.content;
    this.diagnostics = diagnostics;
    for (const listener of this.#listeners) listener();
  }

  /** Takes the next step of a change of the root, if it is time. */
  #moveOn(): Result<void, Diagnostic> {
    const { folder, clock, logger } = this.#options;
    try {
      settleRotation(folder);
      const rotation = readRotation(folder);
      if (!rotation.ok) return failed(unusable(folder, rotation.error));
      if (rotation.value === undefined || clock.nowMs() < rotation.value.nextAtMs) return ok(undefined);
      const next = advanceRotation(folder, rotation.value, clock);
      logger.log('info', next === undefined ? 'the old root is dropped' : 'the new root signs from now on', { folder });
      return ok(undefined);
    } catch (error) {
      return failed(unusable(folder, error instanceof Error ? error.message : String(error)));
    }
  }
}

function isSame(a: FolderContent, b: FolderContent): boolean {
  return (
    a.tokenKey.id === b.tokenKey.id &&
    a.set.certificate.raw.equals(b.set.certificate.raw) &&
    a.serverSet.certificate.raw.equals(b.serverSet.certificate.raw) &&
    a.set.intermediates === b.set.intermediates &&
    a.set.roots === b.set.roots &&
    a.set.crl === b.set.crl
  );
}

function endsSoon(folder: string, { set }: FolderContent, nowMs: number): readonly Diagnostic[] {
  const leftMs = set.notAfterMs - nowMs;
  if (leftMs > warnBeforeMs) return [];
  const when = new Date(set.notAfterMs).toISOString();
  return [
    {
      code: 'HDL0091',
      severity: leftMs <= 0 ? 'error' : 'warning',
      message: leftMs <= 0 ? `the certificate authority expired at ${when}` : `the certificate authority expires at ${when}`,
      hint: `a root of its own: heddle ca rotate --ca ${folder}; one that is plugged in: write the new files in place of the old ones`,
      at: { file: `${folder}/${fileNames.certificate}`, line: 0, col: 0 },
    },
  ];
}

/** Of files that became unusable while it runs. */
function signsOn(diagnostic: Diagnostic): Diagnostic {
  return { ...diagnostic, message: `${diagnostic.message}; it signs on with what it read before` };
}
