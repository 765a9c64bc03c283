// Who wants to hear of new snapshots.
import type { Snapshot } from '#sources/snapshot.ts';

export type SnapshotListener = (snapshot: Snapshot) => void;

export class SnapshotListeners {
  readonly #listeners = new Set<SnapshotListener>();

  /** The returned function ends it. One function added twice is called twice. */
  add(listener: SnapshotListener): () => void {
    const own: SnapshotListener = (snapshot) => listener(snapshot);
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  }

  /** In the order in which they were added. Those that leave while it runs are not called any more. */
  tell(snapshot: Snapshot): void {
    for (const listener of this.#listeners) listener(snapshot);
  }

  clear(): void {
    this.#listeners.clear();
  }
}
