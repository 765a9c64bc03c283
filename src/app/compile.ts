// What `heddle compile` does: files, and the name of a proxy → the mesh, or what that proxy is told, as text.

import { type DumpFormat, dumpMesh, dumpXds, formatDump } from '#app/dump.ts';
import { readMeshFiles, withReadErrors } from '#app/mesh-files.ts';
import { closest } from '#base/closest.ts';
import { compareDiagnostics, type Diagnostic } from '#base/diagnostic.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import type { Mesh } from '#model/mesh.ts';
import { proxyForWorkload } from '#model/proxy-for-workload.ts';

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
  const files = await readMeshFiles(request.paths);
  const { mesh } = files;
  const about = [...files.diagnostics, ...mesh.diagnostics];
  if (request.to === 'model') return ok({ text: formatDump(dumpMesh(mesh), request.format), diagnostics: about.sort(compareDiagnostics) });
  if (request.proxy === undefined) return failed(`name a proxy: ${proxyNames(mesh).join(', ')}`);
  const workload = findWorkload(mesh, request.proxy);
  if (workload === undefined) return failed(withReadErrors(noSuchProxy(mesh, request.proxy), files));
  const compiled = new MeshCompiler(mesh).compile(proxyForWorkload(mesh, workload, { kind: 'redirect' }));
  const diagnostics = [...about, ...compiled.diagnostics].sort(compareDiagnostics);
  return ok({ text: formatDump(dumpXds(compiled), request.format), diagnostics });
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
