// How long it takes to make everything one proxy is sent, from nothing, for the inputs of Istio's own benchmark; and how long after one
// VirtualService has changed. istiod's figures are those its benchmark gives on two cores, for the resource types that it names, by the clock.
// Compared is processor time, of all threads, in the quietest of several rounds: what else runs takes time from both caches and cores.
// Each input has a process of its own: see generation-row.ts.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Bench, judge, round, type Settings, type Table } from '#bench/bench.ts';
import { changeOne, inputs, manyVirtualServices, proxyOf, read, type TypeName } from '#bench/generation-mesh.ts';
import type { Row } from '#bench/generation-row.ts';

type Case = { readonly name: string; readonly type: 'router' | 'sidecar'; readonly istiodMs: number; readonly types: readonly TypeName[] };

/** istiod's milliseconds, added up over `types`. Ours compile everything, and encode the resources of these types. */
const cases: readonly Case[] = [
  { name: 'gateways-shared', type: 'router', istiodMs: 95, types: ['route'] },
  { name: 'gateways', type: 'router', istiodMs: 27 + 11 + 15, types: ['route', 'cluster', 'listener'] },
  { name: 'auto', type: 'sidecar', istiodMs: 2.8 + 2.5, types: ['listener', 'cluster'] },
  { name: 'serviceentry-workloadentry', type: 'sidecar', istiodMs: 4.6 + 1.9, types: ['cluster', 'listener'] },
  // Its figure is for routes alone; the services are as many as in `auto`, whose listeners and clusters come along.
  { name: 'virtualservice', type: 'sidecar', istiodMs: 0.9 + 2.8 + 2.5, types: ['route', 'listener', 'cluster'] },
];

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
  for (const one of cases) {
    const { name, istiodMs, types } = one;
    const { resources, bytes, cost, changed } = await measureAlone(one, quick);
    const { ms, cpuMs, medianCpuMs } = cost;
    say(`${name}: ${round(cpuMs)} ms`);
    const ratio = cpuMs / istiodMs;
    const figures = [ms, cpuMs, medianCpuMs, istiodMs, ratio].map(round);
    rows.push([name, String(resources), round(bytes / 1024), ...figures, types.join(', '), changed === undefined ? '-' : round(changed)]);
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

async function measureAlone({ name, type, types }: Case, quick: boolean): Promise<Row> {
  const words = [join(import.meta.dirname, 'generation-row.ts'), name, type, types.join(','), ...(quick ? ['--quick'] : [])];
  const { stdout } = await promisify(execFile)(process.execPath, words, { encoding: 'utf8' });
  // What the program prints is a Row.
  return JSON.parse(stdout) as Row;
}
