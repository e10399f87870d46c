import { z } from 'zod';
import { BenchmarkError, type BenchReport } from '../benchmark.ts';
import { BASELINES, FIGURES, type CandidateRow } from '../side-by-side/row.ts';

const fields = (names: readonly string[]): Record<string, z.ZodOptional<z.ZodNumber>> =>
  Object.fromEntries(names.map((name) => [name, z.number().optional()]));

const Row = z.looseObject({
  name: z.string(),
  profile: z.string(),
  description: z.string(),
  mainFigure: z.enum(FIGURES),
  failedRequests: z.int().min(0),
  ...Object.fromEntries(BASELINES.map(({ ratio }) => [ratio, z.number().nullable()])),
  ...fields(FIGURES.flatMap((figure) => [figure, `${figure}Min`, `${figure}Max`])),
});

const ReportFile = z.looseObject({
  bench: z.literal('proxy'),
  startedAt: z.iso.datetime(),
  quick: z.boolean(),
  machine: z.object({
    cpu: z.string(),
    cores: z.int(),
    kernel: z.string(),
    node: z.string(),
    loadAverage: z.number(),
  }),
  rows: z.array(Row).min(1),
  leftOut: z.array(z.object({ name: z.string(), reason: z.string() })),
  faults: z.array(z.string()),
});

/** What is published of a report of the benchmark `proxy`. */
export interface PublishedReport extends Pick<BenchReport, 'startedAt' | 'machine' | 'leftOut'> {
  readonly rows: readonly CandidateRow[];
}

/**
 * Reads a report that `--json` has written.
 *
 * @throws BenchmarkError if it is none, or must not be published: a quick run, or one with faults.
 */
export function parseReport(text: string): PublishedReport {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new BenchmarkError('not a report: it is not JSON');
  }
  const { success, data, error } = ReportFile.safeParse(json);
  if (!success) {
    throw new BenchmarkError(`not a report of \`bench -- proxy\`:\n${z.prettifyError(error)}`);
  }
  if (data.quick) throw new BenchmarkError('a quick run is too short to be published');
  if (data.faults.length > 0) {
    throw new BenchmarkError(`a run with faults is not published: ${data.faults.join('; ')}`);
  }
  // Row has checked the fields that a CandidateRow promises and that tables and charts read.
  const rows = data.rows as unknown as readonly CandidateRow[];
  const { startedAt, machine, leftOut } = data;
  return { startedAt, machine, leftOut, rows };
}
