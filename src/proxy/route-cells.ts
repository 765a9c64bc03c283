// Route tables by name, each in a cell that stays the same while its table changes: a connection manager looks at its cell per request, so new routes act
// on the next request of every open connection.
import type { RouteTable } from '#decide/route-table.ts';

/** Undefined until the first table comes: requests are answered 404 NR. */
export type RouteCell = { readonly current: RouteTable | undefined };

export class RouteCells {
  readonly #cells = new Map<string, { current: RouteTable | undefined }>();

  cell(name: string): RouteCell {
    return this.#cell(name);
  }

  set(name: string, table: RouteTable | undefined): void {
    this.#cell(name).current = table;
  }

  #cell(name: string): { current: RouteTable | undefined } {
    const known = this.#cells.get(name);
    if (known !== undefined) return known;
    const cell = { current: undefined };
    this.#cells.set(name, cell);
    return cell;
  }
}
