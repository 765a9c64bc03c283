// In: YAML files and folders, as a command names them. Out: what is in them and the mesh that it makes, with the ingress gateway that `heddle up` would
// add, so that it can be asked about. Read once, not followed.
import { missingGateway } from '#app/up/gateway.ts';
import { systemClock } from '#base/clock.ts';
import { type Diagnostic, formatDiagnostic } from '#base/diagnostic.ts';
import { buildMesh } from '#model/build/mesh.ts';
import type { Mesh } from '#model/mesh.ts';
import { openFileSource } from '#sources/file/file-source.ts';
import { nextSnapshot } from '#sources/next-snapshot.ts';
import type { Snapshot } from '#sources/snapshot.ts';

export type MeshFiles = {
  /** As written, without what was added. */
  readonly resources: Snapshot['resources'];
  /** Of reading; those of the mesh are its own. */
  readonly diagnostics: readonly Diagnostic[];
  readonly mesh: Mesh;
};

export async function readMeshFiles(paths: readonly string[]): Promise<MeshFiles> {
  await using source = await openFileSource({ paths, clock: systemClock, watch: false });
  const snapshot = source.current();
  return { resources: snapshot.resources, diagnostics: snapshot.diagnostics, mesh: buildMesh(withGateway(snapshot)) };
}

function withGateway(snapshot: Snapshot): Snapshot {
  const added = missingGateway(snapshot.resources);
  if (added.length === 0) return snapshot;
  const all = [...Object.values(snapshot.resources).flatMap((ofKind) => [...ofKind.values()]), ...added];
  return nextSnapshot(snapshot, all, snapshot.diagnostics);
}

/** `sentence` says that something is not there; what could not be read may be why, and follows it line by line. */
export function withReadErrors(sentence: string, { diagnostics }: Pick<MeshFiles, 'diagnostics'>): string {
  return [sentence, ...diagnostics.filter(({ severity }) => severity === 'error').map(formatDiagnostic)].join('\n');
}
