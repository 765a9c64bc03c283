// What the embedded proxy holds after a million requests: resident memory at the end of the load and its highest point.
import { type Bench, judge, round, type Settings, type Table } from '#bench/bench.ts';
import { applyLoad } from '#bench/load.ts';
import { residentMegabytes } from '#bench/process-usage.ts';
import { startBackend, subjectKinds } from '#bench/subjects.ts';

export const memory: Bench = {
  name: 'memory',
  about: 'resident memory of each proxy after 1,000,000 keep-alive GETs with a 1 KB answer over 32 connections',
  run: measure,
};

async function measure({ quick, say }: Settings): Promise<Table> {
  const wanted = quick ? 10_000 : 1_000_000;
  await using backend = await startBackend();
  const rows: string[][] = [];
  const notes: string[] = [];
  for (const kind of subjectKinds) {
    const missing = kind.missing();
    if (missing !== undefined) {
      notes.push(`left out: ${kind.name} (${missing})`);
      continue;
    }
    await using subject = await kind.start(backend.port);
    const atStart = residentMegabytes(subject.pid);
    let requests = 0;
    while (requests < wanted) {
      const result = await applyLoad(subject.port, quick ? 1 : 5);
      if (result.requests === 0) throw new Error(`${kind.name} answers nothing`);
      requests += result.requests;
      say(`${kind.name}: ${requests} requests, ${round(residentMegabytes(subject.pid).current)} MB`);
    }
    const atEnd = residentMegabytes(subject.pid);
    rows.push([kind.name, String(requests), atStart.current.toFixed(0), atEnd.current.toFixed(0), atEnd.peak.toFixed(0)]);
    if (kind.name === 'heddle') notes.unshift(judge(`resident memory after ${requests} requests`, atEnd.current, 90, ' MB'));
  }
  return { columns: ['proxy', 'requests', 'MB at start', 'MB after', 'MB at most'], rows, notes };
}
