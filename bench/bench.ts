// What a bench module is: it measures one thing and hands back a table. bench/main.ts lists them all and prints what they give.

export type Settings = {
  /** One short round of everything: shows that the bench works, says nothing about speed. */
  readonly quick: boolean;
  /** One line of progress; goes to stderr. */
  readonly say: (line: string) => void;
};

export type Table = {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Lines below the table: targets and whether they were met, what was left out and why. */
  readonly notes: readonly string[];
};

export type Bench = {
  readonly name: string;
  /** What is measured and under which load, one sentence. */
  readonly about: string;
  readonly run: (settings: Settings) => Promise<Table>;
};

/** `target <= 0.8: 0.63, met`. `unit` follows the figures. */
export function judge(what: string, figure: number, target: number, unit = ''): string {
  return `${what}: ${round(figure)}${unit}, target <= ${target}${unit}: ${figure <= target ? 'met' : 'MISSED'}`;
}

/** Three significant digits, without an exponent. */
export function round(figure: number): string {
  if (!Number.isFinite(figure)) return '-';
  return Math.abs(figure) >= 100 ? figure.toFixed(0) : String(Number(figure.toPrecision(3)));
}

export function median(figures: readonly number[]): number {
  return percentile(figures, 0.5);
}

/** The smallest figure that at least `share` of all are not above. NaN for none. */
export function percentile(figures: readonly number[], share: number): number {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}
