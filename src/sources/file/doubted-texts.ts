// Texts that may be half written: an editor empties a file before it writes it, a copy stops between two documents, a file is away while another takes
// its place. Such a text is believed when it is still the same after a while; until then what the file said before stays in force.
import type { AnyResource } from '#api/kinds.ts';
import type { Clock } from '#base/clock.ts';
import { idOf } from '#sources/next-snapshot.ts';

/** What may be seen of a file: its text, or null while there is none. */
type Text = string | null;

export class DoubtedTexts {
  readonly #clock: Clock;
  readonly #waitMs: number;
  readonly #lookAgain: (files: readonly string[]) => void;
  /** Since when they say what they say now, by the monotonic clock. */
  readonly #doubted = new Map<string, { readonly text: Text; readonly sinceMs: number }>();
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, waitMs: number, lookAgain: (files: readonly string[]) => void) {
    this.#clock = clock;
    this.#waitMs = waitMs;
    this.#lookAgain = lookAgain;
  }

  /** Whether it is too soon to believe that this is the whole text of the file. Has it looked at again in time. */
  isTooSoon(file: string, text: Text): boolean {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#doubted.get(file);
    const sinceMs = known !== undefined && isSame(known.text, text) ? known.sinceMs : nowMs;
    if (nowMs - sinceMs >= this.#waitMs) {
      this.#doubted.delete(file);
      return false;
    }
    this.#doubted.set(file, { text, sinceMs });
    this.#schedule();
    return true;
  }

  /** What the file says is not doubted any more. */
  settle(file: string): void {
    this.#doubted.delete(file);
  }

  close(): void {
    this.#cancel?.();
    this.#doubted.clear();
  }

  /** Beside the timer for changes, which must not be put off when the rest comes in the meantime. */
  #schedule(): void {
    this.#cancel?.();
    const nowMs = this.#clock.monotonicMs();
    const dueMs = Math.min(...[...this.#doubted.values()].map(({ sinceMs }) => sinceMs + this.#waitMs));
    this.#cancel = this.#clock.after(Math.max(0, dueMs - nowMs), () => {
      const files = [...this.#doubted.keys()];
      if (files.length > 0) this.#lookAgain(files);
    });
  }
}

/** Of empty texts one is as the other. */
function isSame(a: Text, b: Text): boolean {
  return a === b || (a !== null && b !== null && a.trim() === '' && b.trim() === '');
}

/** The resources without which more would be let in: those that must not vanish because a text was cut. */
export function guards(resources: readonly AnyResource[]): readonly string[] {
  return resources.flatMap((resource) => {
    const { kind } = resource;
    return kind === 'AuthorizationPolicy' || kind === 'PeerAuthentication' || kind === 'RequestAuthentication' ? [idOf(resource)] : [];
  });
}
