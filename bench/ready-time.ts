// How long a user waits for the example mesh: from the command to the first good answer through gateway and sidecar. The first start fills
// the compile cache and does not count.
import { type Bench, judge, median, type Settings, type Table } from '#bench/bench.ts';
import { type DataPlane, dataPlanes, startExampleMesh } from '#bench/example-mesh.ts';

export const readyTime: Bench = { name: 'ready-time', about: '`heddle up examples/hello` until the gateway answers, warm', run: measure };

async function measure({ quick, say }: Settings): Promise<Table> {
  const rows: string[][] = [];
  const notes: string[] = [];
  for (const dataPlane of dataPlanes()) {
    const seconds = await startAgainAndAgain(dataPlane, quick ? 1 : 6, say);
    const warm = quick ? seconds : seconds.slice(1);
    rows.push([dataPlane, String(warm.length), seconds[0]?.toFixed(2) ?? '-', median(warm).toFixed(2), Math.max(...warm).toFixed(2)]);
    if (dataPlane === 'embedded') notes.push(judge('ready, median', median(warm), 3, ' s'));
  }
  return { columns: ['data plane', 'starts', 'first s', 'median s', 'slowest s'], rows, notes };
}

async function startAgainAndAgain(dataPlane: DataPlane, starts: number, say: Settings['say']): Promise<readonly number[]> {
  const seconds: number[] = [];
  for (let start = 0; start < starts; start++) {
    await using mesh = await startExampleMesh(dataPlane);
    say(`${dataPlane}, start ${start}: ${mesh.readyMs.toFixed(0)} ms`);
    seconds.push(mesh.readyMs / 1000);
  }
  return seconds;
}
