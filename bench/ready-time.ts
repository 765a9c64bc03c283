// How long a user waits for the example mesh: from the command to the first good answer through gateway and sidecar. The first start fills
// the compile cache and does not count.
import { type Bench, judge, median, type Settings, type Table } from '#bench/bench.ts';
import { startExampleMesh } from '#bench/example-mesh.ts';

export const readyTime: Bench = { name: 'ready-time', about: '`heddle up examples/hello` until the gateway answers, warm', run: measure };

async function measure({ quick, say }: Settings): Promise<Table> {
  const readySeconds: number[] = [];
  for (let start = 0; start < (quick ? 1 : 6); start++) {
    await using mesh = await startExampleMesh();
    say(`start ${start}: ${mesh.readyMs.toFixed(0)} ms`);
    readySeconds.push(mesh.readyMs / 1000);
  }
  const warm = quick ? readySeconds : readySeconds.slice(1);
  return {
    columns: ['starts', 'first s', 'median s', 'slowest s'],
    rows: [[String(warm.length), readySeconds[0]?.toFixed(2) ?? '-', median(warm).toFixed(2), Math.max(...warm).toFixed(2)]],
    notes: [judge('ready, median', median(warm), 3, ' s')],
  };
}
