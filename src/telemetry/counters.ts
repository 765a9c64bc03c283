// Counters and gauges under Envoy's stat names. A cell is looked up once and then only added to; reading prints them all, sorted.

export type Cell = { value: number };

export class Counters {
  readonly #cells = new Map<string, Cell>();

  /** The cell of this name, made when first asked for. */
  cell(name: string): Cell {
    const known = this.#cells.get(name);
    if (known !== undefined) return known;
    const cell = { value: 0 };
    this.#cells.set(name, cell);
    return cell;
  }

  /** `name: value` lines in order of names, as Envoy's /stats prints them. */
  print(): string {
    return [...this.#cells.keys()]
      .sort()
      .map((name) => `${name}: ${this.#cells.get(name)?.value ?? 0}\n`)
      .join('');
  }
}
