// A source whose resources are put in by code: tests, and what `heddle up` knows of running Pods. Each call is one settled change and, where
// it changes anything, one snapshot, told before the call returns.
import type { AnyResource } from '#api/kinds.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { SnapshotListeners } from '#sources/listeners.ts';
import { idOf, nextSnapshot } from '#sources/next-snapshot.ts';
import type { Snapshot, SnapshotSource } from '#sources/snapshot.ts';

/** A set of changes that become one snapshot. `remove` holds ids, `Pod/default/hello-v1`; removals come first. */
export type MemoryChange = { readonly upsert?: readonly AnyResource[]; readonly remove?: readonly string[] };

export class MemorySource implements SnapshotSource {
  readonly #resources = new Map<string, AnyResource>();
  readonly #listeners = new SnapshotListeners();
  #diagnostics: readonly Diagnostic[] = [];
  #snapshot: Snapshot;

  constructor(resources: readonly AnyResource[] = []) {
    for (const resource of resources) this.#resources.set(idOf(resource), resource);
    this.#snapshot = nextSnapshot(undefined, this.#resources.values(), []);
  }

  current(): Snapshot {
    return this.#snapshot;
  }

  onChange(listener: (snapshot: Snapshot) => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Applies all changes at once. */
  apply(change: MemoryChange): void {
    for (const id of change.remove ?? []) this.#resources.delete(id);
    for (const resource of change.upsert ?? []) this.#resources.set(idOf(resource), resource);
    this.#publish();
  }

  upsert(...resources: readonly AnyResource[]): void {
    this.apply({ upsert: resources });
  }

  /** Removes resources by id, `Pod/default/hello-v1`; unknown ids are passed over. */
  remove(...ids: readonly string[]): void {
    this.apply({ remove: ids });
  }

  /** Replaces what this source has to say beside its resources. */
  setDiagnostics(diagnostics: readonly Diagnostic[]): void {
    this.#diagnostics = diagnostics;
    this.#publish();
  }

  #publish(): void {
    const snapshot = nextSnapshot(this.#snapshot, this.#resources.values(), this.#diagnostics);
    const sameDiagnostics =
      this.#diagnostics.length === this.#snapshot.diagnostics.length && this.#diagnostics.every((one, at) => one === this.#snapshot.diagnostics[at]);
    if (snapshot.changed.size === 0 && sameDiagnostics) return;
    this.#snapshot = snapshot;
    this.#listeners.tell(snapshot);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listeners.clear();
  }
}
