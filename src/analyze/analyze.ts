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
  return [...beyondAnalyzers(mesh.diagnostics), ...analyzers.flatMap(({ run }) => run(facts))].sort(compareDiagnostics);
}

/** Of what the mesh reports, all but references that lead nowhere and hosts that two claim: the analyzers say more about each of them. */
export function beyondAnalyzers(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  return diagnostics.filter(({ code }) => code !== 'IST0101' && code !== 'IST0109');
}
