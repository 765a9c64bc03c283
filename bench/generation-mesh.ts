// What the generation bench makes: everything of one proxy, for an input of Istio's benchmark or a mesh of many routes, with cold caches or after a
// change.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AnyResource } from '#api/kinds.ts';
import { readText } from '#api/read-text.ts';
import { median } from '#bench/bench.ts';
import { CompileCache } from '#compile/compile-cache.ts';
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import { typeUrls } from '#envoy/type-url.ts';
import { BuildMemo } from '#model/build/build-memo.ts';
import { buildMesh } from '#model/build/mesh.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Proxy } from '#model/proxy.ts';
import { nextSnapshot } from '#sources/next-snapshot.ts';

export const inputs = join(import.meta.dirname, '../../shared/istio-bench');

export type TypeName = keyof typeof typeUrls;
export const allTypes: readonly TypeName[] = ['cluster', 'endpoint', 'listener', 'route'];

export function readResources(name: string): readonly AnyResource[] {
  const file = join(inputs, `${name}.yaml`);
  return read(file, readFileSync(file, 'utf8'));
}

export function read(file: string, yaml: string): readonly AnyResource[] {
  return readText(file, yaml).items.flatMap(({ resource }) => (resource === undefined ? [] : [resource]));
}

/** A thousand services on one port, each with rules of its own. */
export const manyVirtualServices = (): string =>
  Array.from(
    { length: 1000 },
    (_, index) => `apiVersion: v1
kind: Service
metadata: { name: s${index}, namespace: default }
spec: { ports: [{ name: http, port: 80 }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: s${index}, namespace: default }
spec:
  hosts: [s${index}]
  http:
    - { match: [{ uri: { prefix: /a } }], route: [{ destination: { host: s${(index + 1) % 1000} } }] }
    - { route: [{ destination: { host: s${index} } }] }`,
  ).join('\n---\n');

/** The proxy of Istio's benchmark. */
export function proxyOf(type: 'router' | 'sidecar'): Proxy {
  const dnsDomain = 'default.svc.cluster.local';
  return {
    type,
    name: 'v0',
    namespace: 'default',
    nodeId: `${type}~1.1.1.1~v0.default~${dnsDomain}`,
    addresses: ['1.1.1.1'],
    labels: { 'istio.io/benchmark': 'true' },
    dnsDomain,
    interception: { kind: 'redirect' },
    explainFailures: false,
  };
}

/** Bytes and versions are made when first asked for, so they are asked for here. */
export function generate(
  mesh: Mesh,
  proxy: Proxy,
  cache: CompileCache,
  types: readonly TypeName[],
): { readonly resources: number; readonly bytes: number } {
  let resources = 0;
  let bytes = 0;
  const compiled = new MeshCompiler(mesh, cache).compile(proxy).resources;
  for (const type of types) {
    for (const resource of compiled.get(typeUrls[type])?.values() ?? []) {
      resources += 1;
      bytes += resource.bytes.length + resource.version.length;
    }
  }
  return { resources, bytes };
}

/**
 * Milliseconds of processor time of each run: the garbage collector's threads count, other programs do not. The first runs, while the engine is still
 * learning, do not count.
 */
function cpuTimes(runs: number, run: () => unknown): readonly number[] {
  const times: number[] = [];
  for (let number = -Math.ceil(runs / 2); number < runs; number++) {
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    if (number >= 0) times.push((user + system) / 1000);
  }
  return times;
}

/** Median milliseconds of processor time for everything that a changed VirtualService has encoded again, mesh included. */
export function changeOne(resources: readonly AnyResource[], proxy: Proxy, runs: number): number | undefined {
  const target = resources.findIndex(({ kind }) => kind === 'VirtualService');
  const victim = resources[target];
  if (victim?.kind !== 'VirtualService') return undefined;
  const memo = new BuildMemo();
  const cache = new CompileCache();
  let snapshot = nextSnapshot(undefined, resources, []);
  generate(buildMesh(snapshot, memo), proxy, cache, allTypes);
  let number = 0;
  const cpuMs = cpuTimes(runs, () => {
    const http = (victim.spec.http ?? []).map((rule) => ({ ...rule, timeout: `${++number}s` }));
    snapshot = nextSnapshot(snapshot, resources.with(target, { ...victim, spec: { ...victim.spec, http } }), []);
    generate(buildMesh(snapshot, memo), proxy, cache, allTypes);
  });
  return median(cpuMs);
}
