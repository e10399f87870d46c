import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '@headgate/testkit';
import { BenchmarkError } from '../benchmark.ts';
import { BASELINES, summarise } from '../side-by-side/row.ts';
import { publish } from './publish.ts';
import { MARKERS, replaceBetween } from './replace-between.ts';
import { parseReport } from './report-file.ts';

/** All ratios that there are. */
const RATIOS = BASELINES.map(({ ratio }) => ratio);

function report(fields: object = {}): string {
  const round = { requests: 100, failedRequests: 0, rps: 1000, p99Ms: 2 };
  const rows = summarise({ name: 'small', mainFigure: 'cpuUsPerRequest', baselines: RATIOS }, [
    { name: 'headgate', description: 'all', rounds: [{ ...round, cpuUsPerRequest: 12 }] },
    { name: 'haproxy', description: 'bare', rounds: [{ ...round, cpuUsPerRequest: 10 }] },
  ]);
  const machine = { cpu: 'CPU', cores: 2, kernel: 'Linux 6', node: 'v26', loadAverage: 0.1 };
  return JSON.stringify({
    bench: 'proxy',
    startedAt: '2026-11-21T07:00:00.000Z',
    quick: false,
    machine,
    settings: {},
    rows,
    leftOut: [{ name: 'caddy', reason: 'caddy is not installed' }],
    faults: [],
    ...fields,
  });
}

const PAGE = `# Benchmarks\n\n${MARKERS.start}\n\nold\n\n${MARKERS.end}\n\nend\n`;

test('a report becomes a padded table and a chart; the rest of the page stays', async () => {
  const directory = await temporaryDirectory('publish');
  try {
    const docs = join(directory.path, 'docs');
    await mkdir(docs);
    const json = join(directory.path, 'report.json');
    await writeFile(json, report());
    await writeFile(join(docs, 'benchmarks.md'), PAGE);
    const files = await publish(json, docs);
    assert.deepEqual(files, [join(docs, 'benchmarks.md'), join(docs, 'img', 'proxy-cpu.svg')]);
    const page = await readFile(join(docs, 'benchmarks.md'), 'utf8');
    assert.match(page, /^# Benchmarks\n\n<!-- figures[^]*<!-- \/figures -->\n\nend\n$/);
    assert.match(page, /Measured 2026-11-21 on CPU, 2 cores, Linux 6, Node v26/);
    assert.match(page, /^\| proxy {4}\| CPU µs\/request \|/m);
    assert.match(page, /^\| headgate \| {11}12\.0 \| 12\.0–12\.0 \|/m);
    assert.match(page, /^- caddy: caddy is not installed$/m);
    assert.doesNotMatch(page, /old/);
    const svg = await readFile(join(docs, 'img', 'proxy-cpu.svg'), 'utf8');
    assert.match(svg, />12\.0<[^]*>10\.0</);
    await publish(json, docs);
    assert.equal(await readFile(join(docs, 'benchmarks.md'), 'utf8'), page, 'again: no change');
  } finally {
    await directory.remove();
  }
});

test('a quick run, a run with faults and other files are refused with the reason', () => {
  const cases: [string, RegExp][] = [
    [report({ quick: true }), /quick/],
    [report({ faults: ['nginx: 3 of 9 requests failed'] }), /nginx: 3 of 9/],
    [report({ rows: [] }), /rows/],
    [report({ rows: [{ name: 'x' }] }), /profile/],
    [report({ bench: 'micro' }), /bench/],
    ['{"bench', /not JSON/],
    ['null', /not a report/],
  ];
  for (const [text, message] of cases) {
    assert.throws(
      () => parseReport(text),
      (error) => error instanceof BenchmarkError && message.test(error.message),
      text,
    );
  }
});

test('a page without the markers, or with too many, is not touched', () => {
  const { start, end } = MARKERS;
  for (const page of ['', start, end, `${end}${start}`, `${start}${end}${start}${end}`]) {
    assert.throws(() => replaceBetween(page, 'x'), /needs one/, page);
  }
});
