// The series of stats that have the same labels: one cell for each combination of values that came up, found without making anything where it came up
// before. In: the record of a request. Out: numbers, which whoever prints them reads.
import type { AccessRecord } from '#telemetry/access-record.ts';

export type Value = string | number | undefined;

/** A label: its text, or what reads it from a record. */
export type Label = { readonly name: string; readonly value: string | ((record: AccessRecord) => Value) };

/** `add`: what a record adds to a counter, or is one of a histogram's values; not a number: nothing. */
export type Stat = { readonly name: string; readonly kind: 'counter' | 'histogram'; readonly value: (record: AccessRecord) => Value };

/** Numbers of all stats of the group, one behind the other; see `offsets`. */
export type Series = { readonly cells: Float64Array; readonly labels: string; touched: boolean };

/** How many more counters and histograms may be; asked for each new series. */
export type Budget = {
  readonly take: (counters: number, histograms: number) => boolean;
  readonly giveBack: (counters: number, histograms: number) => void;
};

/** One step from value to value; the last one has the series. */
class Step {
  readonly next = new Map<Value, Step>();
  series: Series | undefined = undefined;
}

/** Upper bounds of Istio's histograms, of milliseconds and of bytes alike; a last bucket takes the rest. */
export const bucketBounds: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000, 3_600_000,
];

/** A histogram's cells: a number for each bucket, those above all bounds, and the sum of the values. */
const histogramCells = bucketBounds.length + 2;

export class SeriesGroup {
  readonly stats: readonly Stat[];
  /** Where the cells of each stat begin. */
  readonly offsets: readonly number[];
  readonly #labels: readonly Label[];
  readonly #readers: readonly ((record: AccessRecord) => Value)[];
  readonly #size: number;
  readonly #budget: Budget;
  readonly #counters: number;
  #root = new Step();
  readonly #series = new Map<string, Series>();

  constructor(stats: readonly Stat[], labels: readonly Label[], budget: Budget) {
    this.stats = stats;
    this.#labels = labels;
    this.#readers = labels.flatMap(({ value }) => (typeof value === 'string' ? [] : [value]));
    const offsets: number[] = [];
    let size = 0;
    for (const { kind } of stats) {
      offsets.push(size);
      size += kind === 'counter' ? 1 : histogramCells;
    }
    this.offsets = offsets;
    this.#size = size;
    this.#budget = budget;
    this.#counters = stats.filter(({ kind }) => kind === 'counter').length;
  }

  record(record: AccessRecord): void {
    const series = this.#find(record);
    if (series === undefined) return;
    series.touched = true;
    const { cells } = series;
    for (let at = 0; at < this.stats.length; at++) {
      // Both lists are as long as the loop.
      const stat = this.stats[at] as Stat;
      const offset = this.offsets[at] as number;
      const value = Number(stat.value(record));
      if (!(value >= 0)) continue;
      if (stat.kind === 'counter') cells[offset] = (cells[offset] ?? 0) + value;
      else addTo(cells, offset, value);
    }
  }

  all(): Iterable<Series> {
    return this.#series.values();
  }

  /** Drops the series that nothing was added to since the last time. */
  dropIdle(): void {
    const before = this.#series.size;
    for (const [labels, series] of this.#series) {
      if (series.touched) series.touched = false;
      else this.#series.delete(labels);
    }
    const dropped = before - this.#series.size;
    if (dropped === 0) return;
    this.#budget.giveBack(dropped * this.#counters, dropped * (this.stats.length - this.#counters));
    // The steps to those that are left are found again.
    this.#root = new Step();
  }

  #find(record: AccessRecord): Series | undefined {
    let step = this.#root;
    for (const read of this.#readers) {
      const next = step.next.get(read(record));
      if (next === undefined) return this.#make(record);
      step = next;
    }
    return step.series ?? this.#make(record);
  }

  #make(record: AccessRecord): Series | undefined {
    const labels = this.#labels.map(({ name, value }) => `${name}="${escaped(typeof value === 'string' ? value : (value(record) ?? ''))}"`).join(',');
    let series = this.#series.get(labels);
    if (series === undefined) {
      if (!this.#budget.take(this.#counters, this.stats.length - this.#counters)) return undefined;
      series = { cells: new Float64Array(this.#size), labels, touched: true };
      this.#series.set(labels, series);
    }
    let step = this.#root;
    for (const read of this.#readers) {
      const value = read(record);
      let next = step.next.get(value);
      if (next === undefined) {
        next = new Step();
        step.next.set(value, next);
      }
      step = next;
    }
    step.series = series;
    return series;
  }
}

function addTo(cells: Float64Array, offset: number, value: number): void {
  let bucket = 0;
  while (bucket < bucketBounds.length && value > (bucketBounds[bucket] as number)) bucket++;
  cells[offset + bucket] = (cells[offset + bucket] ?? 0) + 1;
  const sum = offset + histogramCells - 1;
  cells[sum] = (cells[sum] ?? 0) + value;
}

/** Prometheus' text format: backslash, quote and newline. */
function escaped(value: string | number): string {
  if (typeof value === 'number') return String(value);
  return /["\\\n]/.test(value) ? value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n') : value;
}
