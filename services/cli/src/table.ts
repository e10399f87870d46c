/**
 * Lays rows out in columns, two spaces apart. Header and cells are plain text: colours come after
 * the layout, as their codes have a length too.
 *
 * @param paintHeader colours the finished header line.
 */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  paintHeader: (line: string) => string = (line) => line,
): string {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [paintHeader(line(header)), ...rows.map(line)].join('\n');
}

/** Control characters that a name or a reason may hold must not reach the terminal. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd');
}
