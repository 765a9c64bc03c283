// What a mesh of pods with networks of their own costs whoever starts it: the time until Bookinfo is ready, the memory of all that is ours in it, and the
// time from a pod's start to the first request that it serves. Once with a process for each proxy, once with one for all of them.
import { readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type Bench, judge, median, round, type Settings, type Table } from '#bench/bench.ts';
import { canNetns } from '#runtime/netns/availability.ts';
import { example, startUp, type Up } from '#test/scenario/up.ts';
import { httpCall } from '#test/support/http-call.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { waitUntil } from '#test/support/wait-until.ts';

export const podNetwork: Bench = {
  name: 'pod-network',
  about: '`heddle up examples/bookinfo --network netns`, warm: ready, memory of proxies and control plane, a pod from its start to its first request',
  run: measure,
};

type Proxies = 'each' | 'shared';

const targetMegabytes = { each: 450, shared: 250 } as const;
const targetReadySeconds = 5;
const targetServedMs = 700;

async function measure({ quick, say }: Settings): Promise<Table> {
  const can = await canNetns({ environment: process.env });
  if (!can.ok) throw new Error(can.error.message);
  const rows: string[][] = [];
  const notes: string[] = [];
  for (const proxies of ['each', 'shared'] as const) {
    const starts: Start[] = [];
    for (let start = 0; start < (quick ? 1 : 6); start++) {
      const figures = await startOnce(proxies, quick ? 1 : 3);
      say(`--proxies ${proxies}, start ${start}: ${describe(figures)}`);
      starts.push(figures);
    }
    // The first one fills the compile cache.
    const warm = quick ? starts : starts.slice(1);
    const [ready, pss, rss] = [({ readySeconds }: Start) => readySeconds, ({ memory }: Start) => memory.pss, ({ memory }: Start) => memory.rss].map(
      (of) => warm.map(of),
    ) as [number[], number[], number[]]; // one list for each of the three
    const served = warm.flatMap(({ servedMs }) => servedMs);
    const figures = [median(ready), Math.max(...ready), median(pss), median(rss), median(served), Math.max(...served)];
    rows.push([proxies, String(warm.length), ...figures.map(round)]);
    notes.push(
      judge(`--proxies ${proxies}: ready, median`, median(ready), targetReadySeconds, ' s'),
      judge(`--proxies ${proxies}: all proxies and the control plane (PSS)`, median(pss), targetMegabytes[proxies], ' MB'),
      judge(`--proxies ${proxies}: from a pod's start to its first request, median`, median(served), targetServedMs, ' ms'),
    );
  }
  notes.push(
    'MB PSS counts what processes share once, MB RSS as often as there are processes; of the command, the control plane, proxies and watchdog',
    "a pod's start: its file was noticed; its first request: an answer of 200 through the gateway; its program is a Node of 0.2 s",
  );
  return { columns: ['--proxies', 'starts', 'ready s', 'slowest s', 'MB PSS', 'MB RSS', 'served ms', 'slowest ms'], rows, notes };
}

type Start = { readonly readySeconds: number; readonly memory: Memory; readonly servedMs: readonly number[] };

function describe({ readySeconds, memory, servedMs }: Start): string {
  return `ready after ${round(readySeconds)} s, ${round(memory.pss)} MB PSS, ${round(memory.rss)} MB RSS, served after ${servedMs.map(round).join(', ')} ms`;
}

async function startOnce(proxies: Proxies, pods: number): Promise<Start> {
  await using extra = await temporaryFolder({ 'route.yaml': route });
  await using up = await startUp('embedded', { path: example('bookinfo'), network: 'netns', options: ['--proxies', proxies, extra.path] });
  const { afterMs = Number.NaN } = await up.event('mesh ready', ({ kind }) => kind === 'mesh ready');
  // After the first request: what is loaded when it is needed has been.
  await answer(up, 'bookinfo.example.com', '/productpage');
  const memory = await residentOf(up);
  const servedMs: number[] = [];
  for (let turn = 0; turn < pods; turn++) servedMs.push(await startPod(up, `${extra.path}/pod.yaml`, `fresh-${turn}`));
  return { readySeconds: afterMs / 1000, memory, servedMs };
}

type Memory = { readonly pss: number; readonly rss: number };

/** In megabytes (2^20 bytes), of all processes of the mesh but the programs of its pods. */
async function residentOf(up: Up): Promise<Memory> {
  const { pid, processes } = await up.state();
  const ours = processes.filter(({ name }) => name.endsWith('/istio-proxy') || !name.includes('/'));
  const rollups = [...new Set([pid, ...ours.map((one) => one.pid)])].map((one) => readFileSync(`/proc/${one}/smaps_rollup`, 'utf8'));
  const sum = (field: string): number =>
    rollups.reduce((all, text) => all + Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? Number.NaN) / 1024, 0);
  return { pss: sum('Pss'), rss: sum('Rss') };
}

const host = 'fresh.example.com';

/** What leads to the pods that come and go. */
const route = `
apiVersion: v1
kind: Service
metadata: { name: fresh }
spec: { selector: { app: fresh }, ports: [{ name: http, port: 9080 }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: fresh }
spec: { hosts: [${host}], gateways: [bookinfo-gateway], http: [{ route: [{ destination: { host: fresh } }] }] }
`;

const program = fileURLToPath(new URL('../examples/bookinfo/servers/details.ts', import.meta.url));

const pod = (name: string): string => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, labels: { app: fresh } }
spec: { containers: [{ name: app, command: [node, ${program}], ports: [{ containerPort: 9080 }] }] }
`;

/** Gives how long it took, and has the pod leave again. */
async function startPod(up: Up, file: string, name: string): Promise<number> {
  await writeFile(file, pod(name));
  const { time } = await up.event(`${name} is noticed`, ({ changed }) => changed?.includes(`Pod/default/${name}`) === true);
  await answer(up, host, '/details/0');
  const servedAtMs = Date.now();
  await rm(file);
  await up.event(`${name} has left`, ({ kind, workload }) => kind === 'stopped' && workload === `default/${name}`, 30_000);
  return servedAtMs - Date.parse(time);
}

async function answer({ gatewayPort: port }: Up, to: string, path: string): Promise<void> {
  const isServed = async (): Promise<boolean> => (await httpCall({ port, path, headers: { host: to }, timeoutMs: 5_000 })).status === 200;
  await waitUntil(`${to} answers`, isServed, { timeoutMs: 30_000, everyMs: 10 });
}
