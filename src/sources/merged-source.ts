// Several sources as one. Where two have a resource of the same kind, namespace and name, the later source's is in force: a running Pod covers
// the Pod that a file describes. Does not own its sources: whoever made them closes them.
import { type AnyResource, kindNames } from '#api/kinds.ts';
import { SnapshotListeners } from '#sources/listeners.ts';
import { nextSnapshot } from '#sources/next-snapshot.ts';
import type { Snapshot, SnapshotSource } from '#sources/snapshot.ts';

export class MergedSource implements SnapshotSource {
  readonly #sources: readonly SnapshotSource[];
  readonly #listeners = new SnapshotListeners();
  readonly #unsubscribe: readonly (() => void)[];
  #snapshot: Snapshot;

  constructor(sources: readonly SnapshotSource[]) {
    this.#sources = sources;
    this.#snapshot = this.#merge(undefined);
    this.#unsubscribe = sources.map((source) => source.onChange(() => this.#update()));
  }

  current(): Snapshot {
    return this.#snapshot;
  }

  onChange(listener: (snapshot: Snapshot) => void): () => void {
    return this.#listeners.add(listener);
  }

  #update(): void {
    this.#snapshot = this.#merge(this.#snapshot);
    this.#listeners.tell(this.#snapshot);
  }

  #merge(previous: Snapshot | undefined): Snapshot {
    const snapshots = this.#sources.map((source) => source.current());
    return nextSnapshot(
      previous,
      snapshots.flatMap(resourcesOf),
      snapshots.flatMap(({ diagnostics }) => diagnostics),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#listeners.clear();
  }
}

function resourcesOf(snapshot: Snapshot): readonly AnyResource[] {
  return kindNames().flatMap((kind): readonly AnyResource[] => [...snapshot.resources[kind].values()]);
}
