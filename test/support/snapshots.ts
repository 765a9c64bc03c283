// Resources and snapshots from YAML, for tests of rooms that know neither files nor sources.
import type { AnyResource } from '#api/kinds.ts';
import { readText } from '#api/read-text.ts';
import { nextSnapshot } from '#sources/next-snapshot.ts';
import type { Snapshot } from '#sources/snapshot.ts';

/** The resources of the documents, in their order, at places in `in.yaml`. A mistake in them is the test's own, and thrown. */
export function resourcesOf(...documents: readonly string[]): readonly AnyResource[] {
  return readText('in.yaml', documents.join('\n---\n')).items.map(({ resource, diagnostics }) => {
    if (resource === undefined) throw new Error(diagnostics.map(({ message }) => message).join('\n'));
    return resource;
  });
}

/** With `before`, what is the same object in both counts as unchanged. */
export function snapshotOf(resources: readonly AnyResource[], before?: Snapshot): Snapshot {
  return nextSnapshot(before, resources, []);
}
