// What `heddle analyze` does: files → everything there is to say about them.
import { analyze } from '#analyze/analyze.ts';
import { systemClock } from '#base/clock.ts';
import { compareDiagnostics, type Diagnostic } from '#base/diagnostic.ts';
import { buildMesh } from '#model/build/mesh.ts';
import { openFileSource } from '#sources/file/file-source.ts';

export type Analysis = { readonly diagnostics: readonly Diagnostic[]; readonly resources: number };

/** Findings in order, and how many resources were looked at. */
export async function analyzeFiles(paths: readonly string[]): Promise<Analysis> {
  await using source = await openFileSource({ paths, clock: systemClock, watch: false });
  const snapshot = source.current();
  const diagnostics = [...snapshot.diagnostics, ...analyze(buildMesh(snapshot), snapshot.resources)].sort(compareDiagnostics);
  return { diagnostics, resources: Object.values(snapshot.resources).reduce((sum, ofKind) => sum + ofKind.size, 0) };
}
