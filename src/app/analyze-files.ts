// What `heddle analyze` does: files → everything there is to say about them.
import { analyze } from '#analyze/analyze.ts';
import { certificateAges } from '#app/certificate-ages.ts';
import { readMeshFiles } from '#app/mesh-files.ts';
import { untouchedPatches } from '#app/untouched-patches.ts';
import { systemClock } from '#base/clock.ts';
import { compareDiagnostics, type Diagnostic } from '#base/diagnostic.ts';
import { rulesWithCredentials } from '#compile/client-secrets.ts';
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import type { Mesh } from '#model/mesh.ts';
import { proxyForWorkload } from '#model/proxy-for-workload.ts';
import type { Snapshot } from '#sources/snapshot.ts';

export type Analysis = {
  readonly diagnostics: readonly Diagnostic[];
  readonly resources: number;
  /** What the resources of the Gateway API are told. */
  readonly conditions: Mesh['gatewayApi'];
};

/** Findings in order, and how many resources were looked at. */
export async function analyzeFiles(paths: readonly string[]): Promise<Analysis> {
  const { resources, diagnostics: ofReading, mesh } = await readMeshFiles(paths);
  const ages = certificateAges(mesh.credentials.values(), systemClock.nowMs());
  const diagnostics = [...ofReading, ...meshFindings(mesh, resources), ...ages.diagnostics].sort(compareDiagnostics);
  const count = Object.values(resources).reduce((sum, ofKind) => sum + ofKind.size, 0);
  return { diagnostics, resources: count, conditions: mesh.gatewayApi };
}

/** What there is to say about a mesh and what it was built of, beyond reading. */
export function meshFindings(mesh: Mesh, resources: Snapshot['resources']): readonly Diagnostic[] {
  return [...analyze(mesh, resources), ...compiledDiagnostics(mesh)];
}

/**
 * Findings of compiling: servers of gateways that are left out or cannot be given their certificates, what EnvoyFilters patch, and where policies close
 * what was to be open: ports without their TLS, authorizers that a proxy does not see, calls without their credentials.
 */
const compiledCodes: ReadonlySet<string> = new Set(['HDL0030', 'HDL0032', 'HDL0033', 'HDL0036', 'HDL0038', 'HDL0073', 'HDL0076', 'HDL0083']);

/** What is only known once it is compiled: for gateways, and where sidecars may have findings for each workload, as redirection would have it. */
function compiledDiagnostics(mesh: Mesh): readonly Diagnostic[] {
  const isOfSidecars = concernsSidecars(mesh);
  if (!isOfSidecars && mesh.gateways.length === 0) return [];
  const compiler = new MeshCompiler(mesh);
  const compiled = [...mesh.workloads.values()].flatMap((workload) => {
    // Whoever runs them gives them an identity.
    const { withoutIdentity: _withoutIdentity, ...proxy } = proxyForWorkload(mesh, workload, { kind: 'redirect' });
    return isOfSidecars || proxy.type === 'router' ? [compiler.compile(proxy)] : [];
  });
  const unique = new Map(compiled.flatMap(({ diagnostics }) => diagnostics).map((diagnostic) => [JSON.stringify(diagnostic), diagnostic]));
  return [...[...unique.values()].filter(({ code }) => compiledCodes.has(code)), ...untouchedPatches(compiled)];
}

/** Without any of these, compiling finds nothing about a sidecar. */
function concernsSidecars({ envoyFilters, sidecars, authorizationPolicies, destinationRules }: Mesh): boolean {
  return (
    envoyFilters.length + sidecars.length > 0 ||
    authorizationPolicies.some(({ action }) => action.kind === 'custom') ||
    rulesWithCredentials(destinationRules).length > 0
  );
}
