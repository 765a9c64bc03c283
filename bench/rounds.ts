// What one run of something costs that is done again and again, once the engine knows it: rounds of many runs, as Go's benchmarks have them. A round
// begins without the garbage of the last and pays for its own, so that what was measured before does not matter.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { median } from '#bench/bench.ts';

export type RunCost = {
  /** Milliseconds of a run in the quietest round, by the clock. */
  readonly ms: number;
  /** Likewise of processor time: all threads of this process, the garbage collector's too. What else runs can only add to it. */
  readonly cpuMs: number;
  /** Of a round as they mostly were. */
  readonly medianCpuMs: number;
};

type Extent = { readonly warmUpMs: number; readonly rounds: number; readonly roundMs: number; readonly fewestRuns: number };

/** Rounds are short, so that one may be quiet on a busy machine, and of several runs, so that each has its share of garbage collection. */
const whole: Extent = { warmUpMs: 3000, rounds: 15, roundMs: 300, fewestRuns: 4 };
const quickly: Extent = { warmUpMs: 0, rounds: 1, roundMs: 0, fewestRuns: 1 };

/** The mean of each round counts, garbage collection included. */
export function costOfRun(quick: boolean, run: () => unknown): RunCost {
  const { warmUpMs, rounds, roundMs, fewestRuns } = quick ? quickly : whole;
  const collect = garbageCollector();
  meanOf(run, warmUpMs, fewestRuns);
  const means = Array.from({ length: rounds }, () => {
    collect();
    return meanOf(run, roundMs, fewestRuns);
  });
  const quietest = means.reduce((best, mean) => (mean.cpuMs < best.cpuMs ? mean : best));
  return { ...quietest, medianCpuMs: median(means.map(({ cpuMs }) => cpuMs)) };
}

function meanOf(run: () => unknown, leastMs: number, fewestRuns: number): Pick<RunCost, 'ms' | 'cpuMs'> {
  const start = performance.now();
  const before = process.cpuUsage();
  let runs = 0;
  let cpuMs = 0;
  do {
    run();
    runs += 1;
    const { user, system } = process.cpuUsage(before);
    cpuMs = (user + system) / 1000;
  } while (runs < fewestRuns || cpuMs < leastMs);
  return { ms: (performance.now() - start) / runs, cpuMs: cpuMs / runs };
}

/** The engine has it for whoever asks for it by this flag, in contexts that are made from then on. */
function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect !== 'function') throw new Error('this Node gives nobody its garbage collector');
  return () => void Reflect.apply(collect, undefined, []);
}
