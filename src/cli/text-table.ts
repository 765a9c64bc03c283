// Columns of text, as kubectl prints them: as wide as they need to be, three spaces apart, nothing at the end of a line.

/** Lines without a newline at the end. `widths`: at least so wide, by column. */
export function textTable(rows: readonly (readonly string[])[], widths: readonly number[] = []): string {
  const all = columnWidths(rows, widths);
  return rows
    .map((row) =>
      row
        .map((cell, index) => (index === row.length - 1 ? cell : cell.padEnd(all[index] ?? 0)))
        .join('   ')
        .trimEnd(),
    )
    .join('\n');
}

export function columnWidths(rows: readonly (readonly string[])[], least: readonly number[] = []): readonly number[] {
  const count = Math.max(0, ...rows.map((row) => row.length));
  return Array.from({ length: count }, (_, index) => Math.max(least[index] ?? 0, ...rows.map((row) => (row[index] ?? '').length)));
}
