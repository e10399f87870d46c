import type { RowTable } from '../side-by-side/row-table.ts';

/** The table in Markdown, padded as Prettier does it, so that a page with it stays formatted. */
export function markdownTable({ columns, cells }: RowTable): string {
  const widths = columns.map(({ title }, index) =>
    Math.max(3, title.length, ...cells.map((row) => row[index]?.length ?? 0)),
  );
  const line = (texts: readonly string[]): string => {
    const padded = columns.map(({ align }, index) => {
      const text = texts[index] ?? '';
      const width = widths[index] ?? 0;
      return align === 'right' ? text.padStart(width) : text.padEnd(width);
    });
    return `| ${padded.join(' | ')} |`;
  };
  const rule = columns.map(({ align }, index) => {
    const width = widths[index] ?? 0;
    return align === 'right' ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width);
  });
  return [line(columns.map(({ title }) => title)), line(rule), ...cells.map(line)].join('\n');
}
