// How long a changed file takes to act: while 1,000 requests a second flow, the weights in routing.yaml are turned round again and again.
// A change has acted when from then on every request that is sent gets the new version. No request may fail.
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { type Bench, judge, percentile, round, type Settings, type Table } from '#bench/bench.ts';
import { type DataPlane, dataPlanes, startExampleMesh } from '#bench/example-mesh.ts';
import { type SteadyLoad, startSteadyLoad } from '#bench/steady-load.ts';

const requestsPerSecond = 1000;
/** Long enough for a change to act or to have missed its target by far; asked again until giving up. */
const watchMs = 500;
const giveUpMs = 10_000;

export const configChange: Bench = {
  name: 'config-change',
  about: `from saving a changed weight to its effect on new requests, ${requestsPerSecond} requests/s through gateway and sidecar of examples/hello`,
  run: measure,
};

async function measure({ quick, say }: Settings): Promise<Table> {
  const rows: string[][] = [];
  const notes: string[] = [];
  for (const dataPlane of dataPlanes()) {
    const { effects, requests, failed } = await changeAgainAndAgain(dataPlane, quick, say);
    const p99 = percentile(effects, 0.99);
    rows.push([dataPlane, ...[effects.length, percentile(effects, 0.5), p99, Math.max(...effects), requests, failed].map(round)]);
    if (dataPlane === 'embedded') notes.push(judge('effect p99', p99, 100, ' ms'), judge('failed requests', failed, 0));
  }
  return { columns: ['data plane', 'changes', 'p50 ms', 'p99 ms', 'max ms', 'requests', 'failed'], rows, notes };
}

type Changes = { readonly effects: readonly number[]; readonly requests: number; readonly failed: number };

async function changeAgainAndAgain(dataPlane: DataPlane, quick: boolean, say: Settings['say']): Promise<Changes> {
  await using mesh = await startExampleMesh(dataPlane);
  const original = readFileSync(mesh.routingFile, 'utf8');
  writeFileSync(mesh.routingFile, withWeights(original, 'v1'));
  const effects: number[] = [];
  const load = startSteadyLoad(mesh.gatewayPort, 'hello.example.com', requestsPerSecond);
  try {
    await pause(quick ? 500 : 3000);
    for (let number = 0; number < (quick ? 5 : 100); number++) {
      effects.push(await change(mesh.routingFile, original, number % 2 === 0 ? 'v2' : 'v1', load));
      if (number % 20 === 19) say(`${dataPlane}: ${number + 1} changes, median ${round(percentile(effects, 0.5))} ms`);
    }
  } finally {
    await load[Symbol.asyncDispose]();
  }
  return { effects, requests: load.answers.length, failed: load.answers.filter(({ status }) => status !== 200).length };
}

/** Milliseconds from the write to the sending of the first request after which no answer comes from the old version. */
async function change(file: string, original: string, version: 'v1' | 'v2', load: SteadyLoad): Promise<number> {
  const seen = load.answers.length;
  const writtenAtMs = performance.now();
  writeFileSync(file, withWeights(original, version));
  for (let waitedMs = watchMs; waitedMs <= giveUpMs; waitedMs += watchMs) {
    await pause(watchMs);
    const since = load.answers.slice(seen).filter(({ sentAtMs }) => sentAtMs >= writtenAtMs);
    const lastOld = Math.max(writtenAtMs, ...since.filter((answer) => answer.version !== version).map(({ sentAtMs }) => sentAtMs));
    const firstNew = Math.min(...since.map(({ sentAtMs }) => sentAtMs).filter((sentAtMs) => sentAtMs > lastOld));
    if (Number.isFinite(firstNew)) return firstNew - writtenAtMs;
  }
  throw new Error(`a change to ${version} had no effect within ${giveUpMs} ms`);
}

/** All weight on one version; the file has v1's weight first. */
function withWeights(original: string, version: 'v1' | 'v2'): string {
  const weights = version === 'v1' ? [100, 0] : [0, 100];
  return original.replace(/weight: \d+/g, () => `weight: ${weights.shift() ?? 0}`);
}
