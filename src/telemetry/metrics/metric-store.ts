// All series of one proxy. Groups are found again by what they are made of, so that a listener that changes goes on with the numbers it had. Out:
// Prometheus' text under Envoy's names, as Envoy's /stats/prometheus has it.
import { type Budget, bucketBounds, type Label, type Series, SeriesGroup, type Stat } from '#telemetry/metrics/series-group.ts';

/** envoy.type.v3.Scope; no limit: Infinity. */
export type ScopeLimits = { readonly maxCounters: number; readonly maxHistograms: number };

/** How long a series is kept that nothing is added to. */
export const idleSeriesMs = 3_600_000;

/** Envoy's names of what is counted where a series would be one too many. */
const overflowNames = { counter: 'server.stats_overflow.counter', histogram: 'server.stats_overflow.histogram' } as const;

class Scope implements Budget {
  limits: ScopeLimits;
  #counters = 0;
  #histograms = 0;
  readonly #overflow: { counter: number; histogram: number };

  constructor(limits: ScopeLimits, overflow: { counter: number; histogram: number }) {
    this.limits = limits;
    this.#overflow = overflow;
  }

  take(counters: number, histograms: number): boolean {
    const hasCounters = this.#counters + counters <= this.limits.maxCounters;
    const hasHistograms = this.#histograms + histograms <= this.limits.maxHistograms;
    if (!hasCounters) this.#overflow.counter += counters;
    if (!hasHistograms) this.#overflow.histogram += histograms;
    if (!hasCounters || !hasHistograms) return false;
    this.#counters += counters;
    this.#histograms += histograms;
    return true;
  }

  giveBack(counters: number, histograms: number): void {
    this.#counters -= counters;
    this.#histograms -= histograms;
  }
}

/** What makes two groups the same: names and formats, as written. */
export type GroupKey = string;

export class MetricStore {
  readonly #scopes = new Map<string, Scope>();
  readonly #groups = new Map<GroupKey, SeriesGroup>();
  readonly #overflow = { counter: 0, histogram: 0 };

  /** `make` is asked where there is no such group yet. The limits of the last one who asked hold. */
  group(
    scopeName: string,
    limits: ScopeLimits,
    key: GroupKey,
    make: () => { readonly stats: readonly Stat[]; readonly labels: readonly Label[] },
  ): SeriesGroup {
    let scope = this.#scopes.get(scopeName);
    if (scope === undefined) {
      scope = new Scope(limits, this.#overflow);
      this.#scopes.set(scopeName, scope);
    } else scope.limits = limits;
    const inScope = `${scopeName} ${key}`;
    let group = this.#groups.get(inScope);
    if (group === undefined) {
      const { stats, labels } = make();
      group = new SeriesGroup(stats, labels, scope);
      this.#groups.set(inScope, group);
    }
    return group;
  }

  /** Called at intervals: what nothing was added to during one goes. */
  dropIdle(): void {
    for (const group of this.#groups.values()) group.dropIdle();
  }

  /** `envoy_istio_requests_total{…} 3`, a `# TYPE` line before each name. */
  print(): string {
    const families = new Map<string, string[]>();
    for (const group of this.#groups.values()) {
      const series = [...group.all()];
      for (const [at, stat] of group.stats.entries()) {
        const name = envoyName(stat.name);
        let lines = families.get(name);
        if (lines === undefined) {
          lines = [`# TYPE ${name} ${stat.kind}\n`];
          families.set(name, lines);
        }
        const offset = group.offsets[at] ?? 0;
        for (const one of series)
          lines.push(stat.kind === 'counter' ? `${name}{${one.labels}} ${one.cells[offset]}\n` : histogramLines(name, one, offset));
      }
    }
    for (const kind of ['counter', 'histogram'] as const) {
      const name = envoyName(overflowNames[kind]);
      families.set(name, [`# TYPE ${name} counter\n${name}{} ${this.#overflow[kind]}\n`]);
    }
    return [...families.values()].map((lines) => lines.join('')).join('');
  }
}

function histogramLines(name: string, { cells, labels }: Series, offset: number): string {
  const within = labels === '' ? '' : `${labels},`;
  let text = '';
  let count = 0;
  for (const [index, bound] of bucketBounds.entries()) {
    count += cells[offset + index] ?? 0;
    text += `${name}_bucket{${within}le="${bound}"} ${count}\n`;
  }
  count += cells[offset + bucketBounds.length] ?? 0;
  const sum = cells[offset + bucketBounds.length + 1];
  return `${text}${name}_bucket{${within}le="+Inf"} ${count}\n${name}_sum{${labels}} ${sum}\n${name}_count{${labels}} ${count}\n`;
}

/** Source: Envoy, PrometheusStatsFormatter::metricName. */
function envoyName(stat: string): string {
  return `envoy_${stat.replaceAll(/[^a-zA-Z0-9_]/g, '_')}`;
}
