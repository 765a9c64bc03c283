// How long it takes to make everything one proxy is sent, from nothing, for the inputs of Istio's own benchmark; and how long after one
// VirtualService has changed. istiod's figures are those its benchmark gives on two cores, for the resource types that it names, by the clock.
// Compared is processor time, of all threads, in the quietest of several rounds: what else runs takes time from both caches and cores.
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import type { AnyResource } from '#api/kinds.ts';
import { readText } from '#api/read-text.ts';
import { type Bench, judge, median, round, type Settings, type Table } from '#bench/bench.ts';
import { costOfRun } from '#bench/rounds.ts';
import { CompileCache } from '#compile/compile-cache.ts';
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import { typeUrls } from '#envoy/type-url.ts';
import { BuildMemo } from '#model/build/build-memo.ts';
import { buildMesh } from '#model/build/mesh.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Proxy } from '#model/proxy.ts';
import { nextSnapshot } from '#sources/next-snapshot.ts';

const inputs = join(import.meta.dirname, '../../shared/istio-bench');

/** istiod's milliseconds, added up over `types`. Ours compile everything, and encode the resources of these types. */
const cases = [
  { name: 'gateways-shared', type: 'router', istiodMs: 95, types: ['route'] },
  { name: 'gateways', type: 'router', istiodMs: 27 + 11 + 15, types: ['route', 'cluster', 'listener'] },
  { name: 'auto', type: 'sidecar', istiodMs: 2.8 + 2.5, types: ['listener', 'cluster'] },
  { name: 'serviceentry-workloadentry', type: 'sidecar', istiodMs: 4.6 + 1.9, types: ['cluster', 'listener'] },
  // Its figure is for routes alone; the services are as many as in `auto`, whose listeners and clusters come along.
  { name: 'virtualservice', type: 'sidecar', istiodMs: 0.9 + 2.8 + 2.5, types: ['route', 'listener', 'cluster'] },
] as const;

type TypeName = keyof typeof typeUrls;
const allTypes: readonly TypeName[] = ['cluster', 'endpoint', 'listener', 'route'];

export const generation: Bench = {
  name: 'generation',
  about:
    'everything of one proxy compiled from a mesh, and what istiod’s figure is about encoded, with cold caches, for the inputs of Istio’s benchmark',
  run: measure,
};

const columns = ['input', 'resources', 'KB', 'ms', 'CPU ms', 'median', 'istiod ms', 'CPU / istiod', "istiod's types", 'one change CPU ms'];

async function measure({ quick, say }: Settings): Promise<Table> {
  if (!existsSync(inputs)) throw new Error('the inputs of Istio’s benchmark are expected in ../shared/istio-bench');
  const rows: string[][] = [];
  const notes: string[] = busyNote();
  for (const { name, type, istiodMs, types } of cases) {
    const resources = readResources(name);
    const proxy = proxyOf(type);
    const mesh = buildMesh(nextSnapshot(undefined, resources, []));
    const { ms, cpuMs, medianCpuMs } = costOfRun(quick, () => generate(mesh, proxy, new CompileCache(), types));
    const changed = changeOne(resources, proxy, quick ? 2 : 20);
    const size = generate(mesh, proxy, new CompileCache(), allTypes);
    say(`${name}: ${round(cpuMs)} ms`);
    const ratio = cpuMs / istiodMs;
    const figures = [ms, cpuMs, medianCpuMs, istiodMs, ratio].map(round);
    rows.push([name, String(size.resources), round(size.bytes / 1024), ...figures, types.join(', '), changed === undefined ? '-' : round(changed)]);
    notes.push(judge(`${name} against istiod`, ratio, 2, ' x'));
    if (changed !== undefined && name.startsWith('gateways')) notes.push(judge(`${name}: one changed VirtualService`, changed, 50, ' ms'));
  }
  const amongMany = changeOne(read('many.yaml', manyVirtualServices()), proxyOf('sidecar'), quick ? 2 : 20);
  if (amongMany !== undefined) notes.push(judge('one changed VirtualService among 1,000, for a sidecar', amongMany, 50, ' ms'));
  return { columns, rows, notes };
}

/** Where programs share a core and its caches, the same work takes up to twice the processor time. */
function busyNote(): string[] {
  const [load = 0] = loadavg();
  const cores = availableParallelism();
  return load < cores / 2 ? [] : [`the machine was busy before (load ${round(load)} on ${cores} cores): istiod's figures are of one that was not`];
}

function readResources(name: string): readonly AnyResource[] {
  const file = join(inputs, `${name}.yaml`);
  return read(file, readFileSync(file, 'utf8'));
}

function read(file: string, yaml: string): readonly AnyResource[] {
  return readText(file, yaml).items.flatMap(({ resource }) => (resource === undefined ? [] : [resource]));
}

/** A thousand services on one port, each with rules of its own. */
const manyVirtualServices = (): string =>
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
function proxyOf(type: 'router' | 'sidecar'): Proxy {
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
function generate(mesh: Mesh, proxy: Proxy, cache: CompileCache, types: readonly TypeName[]): { readonly resources: number; readonly bytes: number } {
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
function changeOne(resources: readonly AnyResource[], proxy: Proxy, runs: number): number | undefined {
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
