// What `heddle analyze` does: files → everything there is to say about them.
import { analyze } from '#analyze/analyze.ts';
import { untouchedPatches } from '#app/untouched-patches.ts';
import { systemClock } from '#base/clock.ts';
import { compareDiagnostics, type Diagnostic } from '#base/diagnostic.ts';
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import { buildMesh } from '#model/build/mesh.ts';
import type { Mesh } from '#model/mesh.ts';
import { proxyForWorkload } from '#model/proxy-for-workload.ts';
import { openFileSource } from '#sources/file/file-source.ts';

export type Analysis = {
  readonly diagnostics: readonly Diagnostic[];
  readonly resources: number;
  /** What the resources of the Gateway API are told. */
  readonly conditions: Mesh['gatewayApi'];
};

/** Findings in order, and how many resources were looked at. */
export async function analyzeFiles(paths: readonly string[]): Promise<Analysis> {
  await using source = await openFileSource({ paths, clock: systemClock, watch: false });
  const snapshot = source.current();
  const mesh = buildMesh(snapshot);
  const diagnostics = [...snapshot.diagnostics, ...analyze(mesh, snapshot.resources), ...patchDiagnostics(mesh)].sort(compareDiagnostics);
  const count = Object.values(snapshot.resources).reduce((sum, ofKind) => sum + ofKind.size, 0);
  return { diagnostics, resources: count, conditions: mesh.gatewayApi };
}

/** What EnvoyFilters patch is only known once it is compiled: for each workload, as redirection would have it. */
function patchDiagnostics(mesh: Mesh): readonly Diagnostic[] {
  if (mesh.envoyFilters.length === 0) return [];
  const compiler = new MeshCompiler(mesh);
  const compiled = [...mesh.workloads.values()].map((workload) => compiler.compile(proxyForWorkload(mesh, workload, { kind: 'redirect' })));
  const unique = new Map(compiled.flatMap(({ diagnostics }) => diagnostics).map((diagnostic) => [JSON.stringify(diagnostic), diagnostic]));
  return [...[...unique.values()].filter(({ code }) => code === 'HDL0036'), ...untouchedPatches(compiled)];
}
