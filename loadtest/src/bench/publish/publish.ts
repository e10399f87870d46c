import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BenchmarkError } from '../benchmark.ts';
import { figureText } from '../side-by-side/figure-text.ts';
import { tableOf } from '../side-by-side/row-table.ts';
import { barChart } from './bar-chart.ts';
import { markdownTable } from './markdown-table.ts';
import { replaceBetween } from './replace-between.ts';
import { parseReport, type PublishedReport } from './report-file.ts';

const PAGE = 'benchmarks.md';
const CHART = 'img/proxy-cpu.svg';

/** Part that the chart shows. */
const CHART_PART = 'small';

/**
 * Writes the figures of a report into the page of the benchmarks, and its chart beside it.
 *
 * @param docs the folder of the page
 * @returns the files that were written
 * @throws BenchmarkError if the file is no report that may be published.
 */
export async function publish(jsonPath: string, docs: string): Promise<readonly string[]> {
  const report = parseReport(await readText(jsonPath));
  const page = join(docs, PAGE);
  const chart = join(docs, CHART);
  await mkdir(dirname(chart), { recursive: true });
  await writeFile(page, replaceBetween(await readText(page), figuresText(report)));
  await writeFile(chart, chartText(report));
  return [page, chart];
}

/** The generated part of the page, in Markdown. */
export function figuresText(report: PublishedReport): string {
  const { machine, rows, leftOut, startedAt } = report;
  const load = `load average before the start ${machine.loadAverage}`;
  return [
    `Measured ${startedAt.slice(0, 10)} on ${machine.cpu}, ${machine.cores} cores, ` +
      `${machine.kernel}, Node ${machine.node}, ${load}.`,
    `![CPU time per request of each proxy](${CHART})`,
    ...[...Map.groupBy(rows, ({ profile }) => profile)].flatMap(([profile, members]) => [
      `### ${profile}`,
      markdownTable(tableOf(members)),
    ]),
    ...(leftOut.length === 0 ? [] : ['Not measured:']),
    leftOut.map(({ name, reason }) => `- ${name}: ${reason}`).join('\n'),
  ].join('\n\n');
}

/** The chart of CPU time per request. */
export function chartText({ rows, machine }: PublishedReport): string {
  const shown = rows.filter(({ profile }) => profile === CHART_PART);
  return barChart({
    title: 'CPU time per request, small answers',
    subtitle: `µs, less is better; one worker each; ${machine.cpu}, ${machine.cores} cores`,
    bars: shown.map(({ name, cpuUsPerRequest = 0 }) => ({
      label: name,
      value: cpuUsPerRequest,
      text: figureText('cpuUsPerRequest', cpuUsPerRequest),
      isOwn: name.startsWith('headgate'),
    })),
  });
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new BenchmarkError(error instanceof Error ? error.message : String(error));
  }
}
