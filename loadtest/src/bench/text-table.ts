/** A column of a {@link formatTable}. */
export interface Column {
  readonly title: string;
  /** Default left; numbers go right. */
  readonly align?: 'left' | 'right';
}

/** Lines of a table for a terminal: a head, a rule, and one line per row. Cells that lack are empty. */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): readonly string[] {
  const widths = columns.map((column, index) =>
    Math.max(column.title.length, ...rows.map((row) => row[index]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    columns
      .map(({ align }, index) => {
        const width = widths[index] ?? 0;
        const cell = cells[index] ?? '';
        return align === 'right' ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width)).join('──');
  return [line(columns.map((column) => column.title)), rule, ...rows.map(line)];
}
