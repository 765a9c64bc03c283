// Tells when a file may have become another, also where it is put in place of the old one, by a link or a rename, or is not there yet.
import { statSync } from 'node:fs';
import type { Clock } from '#base/clock.ts';

/** Asked for by polling: what Kubernetes mounts changes by a link two folders up, which no watch of the file or its folder would see. */
const pollMs = 2_000;

export class FileWatch implements Disposable {
  readonly #file: string;
  readonly #clock: Clock;
  readonly #onChange: () => void;
  #seen: string;
  #cancel: () => void;

  constructor(file: string, clock: Clock, onChange: () => void) {
    this.#file = file;
    this.#clock = clock;
    this.#onChange = onChange;
    this.#seen = stateOf(file);
    this.#cancel = clock.after(pollMs, () => this.#look());
  }

  [Symbol.dispose](): void {
    this.#cancel();
  }

  #look(): void {
    this.#cancel = this.#clock.after(pollMs, () => this.#look());
    const now = stateOf(this.#file);
    if (now === this.#seen) return;
    this.#seen = now;
    this.#onChange();
  }
}

/** What differs when the content does; '' for a file that is not there. */
function stateOf(file: string): string {
  try {
    const { ino, size, mtimeMs } = statSync(file);
    return `${ino} ${size} ${mtimeMs}`;
  } catch {
    return '';
  }
}
