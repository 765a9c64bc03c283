// What every source hands over: all resources of one moment, by kind and key, with the keys that changed since the last one.
import type { ResourcesByKind } from '#api/kinds.ts';
import type { Diagnostic } from '#base/diagnostic.ts';

/** Immutable. A file that does not parse keeps its last good resources in here, and adds a diagnostic. */
export type Snapshot = {
  /** Every kind is present, possibly empty; keys are `namespace/name`, or `name` for cluster-scoped kinds. */
  readonly resources: ResourcesByKind;
  /**
   * `Kind/namespace/name` of what was added, changed or removed; in a source's first snapshot, everything. A resource that only moved within
   * its file is changed too: its origins name other lines.
   */
  readonly changed: ReadonlySet<string>;
  readonly diagnostics: readonly Diagnostic[];
};

/** A source of snapshots: files, memory, later a cluster. Debounce lives in the source: one call, one settled change. */
export type SnapshotSource = AsyncDisposable & {
  readonly current: () => Snapshot;
  /** Calls `listener` with each new snapshot; the returned function ends that. */
  readonly onChange: (listener: (snapshot: Snapshot) => void) => () => void;
};
