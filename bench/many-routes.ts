// What routing costs where there is much of it: the same request through the embedded proxy with ten routes on its host and with ten
// thousand, the matching one last in both, under the same load in alternating rounds.
import { type Bench, judge, median, round, type Settings, type Table } from '#bench/bench.ts';
import { applyLoad } from '#bench/load.ts';
import { cpuMicroseconds } from '#bench/process-usage.ts';
import { type Subject, startBackend, startEmbedded } from '#bench/subjects.ts';

const few = 10;
const many = 10_000;

export const manyRoutes: Bench = {
  name: 'many-routes',
  about: `keep-alive GET through the embedded proxy with ${few} and with ${many} routes on one host`,
  run: measure,
};

async function measure({ quick, say }: Settings): Promise<Table> {
  await using resources = new AsyncDisposableStack();
  const backend = resources.use(await startBackend());
  const subjects: { readonly routes: number; readonly subject: Subject; readonly costs: number[] }[] = [];
  for (const routes of [few, many]) subjects.push({ routes, subject: resources.use(await startEmbedded(backend.port, routes)), costs: [] });
  for (const { subject } of subjects) await applyLoad(subject.port, quick ? 1 : 4); // warm-up
  for (let number = 1; number <= (quick ? 1 : 5); number++) {
    for (const { routes, subject, costs } of subjects) {
      const before = cpuMicroseconds(subject.pid);
      const { requests, failed } = await applyLoad(subject.port, quick ? 1 : 5);
      if (failed > 0) throw new Error(`${failed} requests failed: no measurement`);
      const cost = (cpuMicroseconds(subject.pid) - before) / requests;
      costs.push(cost);
      say(`round ${number}, ${routes} routes: ${round(cost)} us CPU a request`);
    }
  }
  const [small, large] = subjects.map(({ costs }) => median(costs));
  return {
    columns: ['routes', 'CPU us/request'],
    rows: subjects.map(({ routes, costs }) => [String(routes), round(median(costs))]),
    notes: small === undefined || large === undefined ? [] : [judge(`${many} routes against ${few}`, large / small, 1.2, ' x')],
  };
}
