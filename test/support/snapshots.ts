// Resources and snapshots from YAML, for tests of rooms that know neither files nor sources.
import type { AnyResource } from '#api/kinds.ts';
import { readText } from '#api/read-text.ts';
import { nextSnapshot } from '#sources/next-snapshot.ts';
import type { Snapshot } from '#sources/snapshot.ts';

/** What of the documents is valid, in their order, at places in `in.yaml`. */
export function resourcesOf(...documents: readonly string[]): readonly AnyResource[] {
  return readText('in.yaml', documents.join('\n---\n')).items.flatMap(({ resource }) => resource ?? []);
}

/** With `before`, what is the same object in both counts as unchanged. */
export function snapshotOf(resources: readonly AnyResource[], before?: Snapshot): Snapshot {
  return nextSnapshot(before, resources, []);
}
