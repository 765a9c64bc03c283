// What one request costs: CPU per request, throughput, latency and memory of each proxy under the same load, in alternating rounds, so that
// a machine that slows down slows all of them down. The median of the rounds counts; ratios are against Envoy.
import { type Bench, judge, median, round, type Settings, type Table } from '#bench/bench.ts';
import { applyLoad, type LoadResult } from '#bench/load.ts';
import { cpuMicroseconds, residentMegabytes } from '#bench/process-usage.ts';
import { type Subject, startBackend, subjectKinds } from '#bench/subjects.ts';

type Round = LoadResult & { readonly cpuPerRequest: number };

export const requestCost: Bench = {
  name: 'request-cost',
  about: 'keep-alive GET, 1 KB answer, 32 connections, router and access log to a file; one thread of each proxy',
  run: measure,
};

async function measure({ quick, say }: Settings): Promise<Table> {
  const seconds = quick ? 1 : 6;
  await using resources = new AsyncDisposableStack();
  const backend = resources.use(await startBackend());
  const missing = subjectKinds.flatMap((kind) => (kind.missing() === undefined ? [] : [`left out: ${kind.name} (${kind.missing()})`]));
  const subjects: Subject[] = [];
  for (const kind of subjectKinds) if (kind.missing() === undefined) subjects.push(resources.use(await kind.start(backend.port)));
  const rounds = new Map<Subject, Round[]>(subjects.map((subject) => [subject, []]));
  for (const subject of subjects) await applyLoad(subject.port, quick ? 1 : 4); // warm-up: compilers, pools
  for (let number = 1; number <= (quick ? 1 : 5); number++) {
    for (const subject of subjects) {
      const result = await measureRound(subject, seconds);
      rounds.get(subject)?.push(result);
      say(`round ${number} ${subject.name}: ${round(result.cpuPerRequest)} us CPU a request, ${round(result.requestsPerSecond)} requests/s`);
    }
  }
  return toTable(rounds, [`backend: ${backend.name}`, ...missing]);
}

async function measureRound(subject: Subject, seconds: number): Promise<Round> {
  const before = cpuMicroseconds(subject.pid);
  const result = await applyLoad(subject.port, seconds);
  if (result.failed > 0) throw new Error(`${result.failed} requests through ${subject.name} failed: no measurement`);
  return { ...result, cpuPerRequest: (cpuMicroseconds(subject.pid) - before) / result.requests };
}

function toTable(rounds: ReadonlyMap<Subject, readonly Round[]>, notes: readonly string[]): Table {
  const figures = [...rounds].map(([subject, results]) => ({
    name: subject.name,
    cpu: median(results.map((result) => result.cpuPerRequest)),
    rate: median(results.map((result) => result.requestsPerSecond)),
    p50: median(results.map((result) => result.p50Ms)),
    p99: median(results.map((result) => result.p99Ms)),
    rss: residentMegabytes(subject.pid).current,
  }));
  const envoy = figures.find(({ name }) => name === 'envoy');
  const heddle = figures.find(({ name }) => name === 'heddle');
  const ratio = (figure: number, reference: number | undefined): string => (reference === undefined ? '-' : (figure / reference).toFixed(2));
  return {
    columns: ['proxy', 'CPU us/request', '/ envoy', 'requests/s', '/ envoy', 'p50 ms', 'p99 ms', 'RSS MB'],
    rows: figures.map(({ name, cpu, rate, p50, p99, rss }) => [
      name,
      cpu.toFixed(1),
      ratio(cpu, envoy?.cpu),
      rate.toFixed(0),
      ratio(rate, envoy?.rate),
      p50.toFixed(2),
      p99.toFixed(2),
      rss.toFixed(0),
    ]),
    notes: [...(envoy && heddle ? [judge('CPU per request against Envoy', heddle.cpu / envoy.cpu, 0.8, ' x')] : []), ...notes],
  };
}
