// What users wrote → advice: everything that the analyzers and the building of the mesh have to say, by place. Findings about single resources
// (syntax, fields, kinds) are the source's and are not repeated here.
import { analyzers } from '#analyze/analyzers.ts';
import { gatherFacts } from '#analyze/facts.ts';
import type { ResourcesByKind } from '#api/kinds.ts';
import { compareDiagnostics, type Diagnostic } from '#base/diagnostic.ts';
import type { Mesh } from '#model/mesh.ts';

/** `mesh` is what was built of `resources`. */
export function analyze(mesh: Pick<Mesh, 'settings' | 'diagnostics'>, resources: ResourcesByKind): readonly Diagnostic[] {
  const facts = gatherFacts(resources, mesh.settings.domain);
  // The mesh reports references that lead nowhere and hosts that two claim as well; the analyzers say more about each of them.
  const ofMesh = mesh.diagnostics.filter(({ code }) => code !== 'IST0101' && code !== 'IST0109');
  return [...ofMesh, ...analyzers.flatMap(({ run }) => run(facts))].sort(compareDiagnostics);
}
