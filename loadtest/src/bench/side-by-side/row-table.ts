import type { Column } from '../text-table.ts';
import { FIGURE_TITLES, figureText } from './figure-text.ts';
import { BASELINES, FIGURES, type CandidateRow } from './row.ts';

/** A table of rows of one part. */
export interface RowTable {
  readonly columns: readonly Column[];
  readonly cells: readonly (readonly string[])[];
}

interface RowColumn {
  readonly title: string;
  /** Null where the row has nothing to tell. */
  readonly text: (row: CandidateRow) => string | null;
}

/**
 * The rows of one part: the main figure with its extremes and ratios first, then what else was measured. A column in
 * which no row has anything is left out.
 */
export function tableOf(rows: readonly CandidateRow[]): RowTable {
  const columns = [...mainColumns(rows[0]), ...otherColumns(rows[0])].filter(({ text }) =>
    rows.some((row) => text(row) !== null),
  );
  return {
    columns: [
      { title: 'proxy' },
      ...columns.map(({ title }): Column => ({ title, align: 'right' })),
    ],
    cells: rows.map((row) => [row.name, ...columns.map(({ text }) => text(row) ?? '–')]),
  };
}

function mainColumns(first: CandidateRow | undefined): readonly RowColumn[] {
  if (first === undefined) return [];
  const main = first.mainFigure;
  return [
    figureColumn(main),
    {
      title: 'min–max',
      text: (row) => {
        const min = row[`${main}Min`];
        const max = row[`${main}Max`];
        if (min === undefined || max === undefined) return null;
        return `${figureText(main, min)}–${figureText(main, max)}`;
      },
    },
    ...BASELINES.map(({ ratio, title }): RowColumn => ({
      title,
      text: (row) => row[ratio]?.toFixed(2) ?? null,
    })),
  ];
}

function otherColumns(first: CandidateRow | undefined): readonly RowColumn[] {
  return [
    ...FIGURES.filter((figure) => figure !== first?.mainFigure).map(figureColumn),
    { title: 'failed', text: (row) => String(row.failedRequests) },
  ];
}

function figureColumn(figure: CandidateRow['mainFigure']): RowColumn {
  return {
    title: FIGURE_TITLES[figure],
    text: (row) => {
      const value = row[figure];
      return value === undefined ? null : figureText(figure, value);
    },
  };
}
