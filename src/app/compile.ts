// What `heddle compile` does: files, and the name of a proxy → the mesh, or what that proxy is told, as text.

import { type DumpFormat, dumpMesh, dumpXds, formatDump } from '#app/dump.ts';
import { missingGateway } from '#app/up/gateway.ts';
import { systemClock } from '#base/clock.ts';
import { closest } from '#base/closest.ts';
import { compareDiagnostics, type Diagnostic } from '#base/diagnostic.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import { buildMesh } from '#model/build/mesh.ts';
import type { Mesh } from '#model/mesh.ts';
import { proxyForWorkload } from '#model/proxy-for-workload.ts';
import { openFileSource } from '#sources/file/file-source.ts';
import { nextSnapshot } from '#sources/next-snapshot.ts';
import type { Snapshot } from '#sources/snapshot.ts';

export type CompileRequest = {
  /** Files and folders. */
  readonly paths: readonly string[];
  /** `name.namespace` of the pod whose proxy is meant; needed for `xds`. */
  readonly proxy?: string;
  readonly to: 'model' | 'xds';
  readonly format: DumpFormat;
};

export type CompileOutput = {
  readonly text: string;
  /** About the files, the mesh and the proxy, sorted. */
  readonly diagnostics: readonly Diagnostic[];
};

/** The error is a sentence: no such proxy (with those there are). Mistakes in the files are diagnostics beside the output. */
export async function compileFiles(request: CompileRequest): Promise<Result<CompileOutput, string>> {
  await using source = await openFileSource({ paths: request.paths, clock: systemClock, watch: false });
  const snapshot = withGateway(source.current());
  const mesh = buildMesh(snapshot);
  const about = [...snapshot.diagnostics, ...mesh.diagnostics];
  if (request.to === 'model') return ok({ text: formatDump(dumpMesh(mesh), request.format), diagnostics: about.sort(compareDiagnostics) });
  if (request.proxy === undefined) return failed(`name a proxy: ${proxyNames(mesh).join(', ')}`);
  const workload = findWorkload(mesh, request.proxy);
  if (workload === undefined) return failed(noSuchProxy(mesh, request.proxy));
  const compiled = new MeshCompiler(mesh).compile(proxyForWorkload(mesh, workload, { kind: 'redirect' }));
  const diagnostics = [...about, ...compiled.diagnostics].sort(compareDiagnostics);
  return ok({ text: formatDump(dumpXds(compiled), request.format), diagnostics });
}

/** With the ingress gateway that `heddle up` would add, so that its proxy can be asked for. */
function withGateway(snapshot: Snapshot): Snapshot {
  const added = missingGateway(snapshot.resources);
  if (added.length === 0) return snapshot;
  const all = [...Object.values(snapshot.resources).flatMap((ofKind) => [...ofKind.values()]), ...added];
  return nextSnapshot(snapshot, all, snapshot.diagnostics);
}

function findWorkload(mesh: Mesh, proxy: string) {
  const dot = proxy.lastIndexOf('.');
  const [name, namespace] = dot < 0 ? [proxy, 'default'] : [proxy.slice(0, dot), proxy.slice(dot + 1)];
  return mesh.workloads.get(`${namespace}/${name}`);
}

function noSuchProxy(mesh: Mesh, proxy: string): string {
  const names = proxyNames(mesh);
  const best = closest(proxy, names);
  const hint = best === undefined ? `there are: ${names.join(', ') || 'none'}` : `did you mean ${best}?`;
  return `no pod ${proxy}; ${hint}`;
}

function proxyNames(mesh: Mesh): readonly string[] {
  return [...mesh.workloads.values()].map(({ name, namespace }) => `${name}.${namespace}`).sort();
}
