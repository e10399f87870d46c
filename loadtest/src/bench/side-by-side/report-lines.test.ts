import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reportLines } from './report-lines.ts';
import { BASELINES, summarise } from './row.ts';

/** All ratios that there are. */
const RATIOS = BASELINES.map(({ ratio }) => ratio);

const machine = { cpu: 'CPU', cores: 2, kernel: 'Linux 6', node: 'v26', loadAverage: 0.1 };

test('the report tells figures, failed requests, what was left out, and faults', () => {
  const rows = summarise({ name: 'small', mainFigure: 'cpuUsPerRequest', baselines: RATIOS }, [
    {
      name: 'headgate',
      description: 'standard',
      rounds: [
        {
          requests: 1000,
          failedRequests: 7,
          cpuUsPerRequest: 12.345,
          rps: 41_234.5,
          p50Ms: 1.234,
          p99Ms: 5,
        },
      ],
    },
  ]);
  const leftOut = [{ name: 'caddy', reason: 'caddy is not installed' }];
  const text = reportLines({ machine, quick: true, leftOut, faults: ['bad'] }, rows).join('\n');
  assert.match(text, /^small$/m);
  assert.match(
    text,
    /^proxy +CPU µs\/request +min–max +× headgate +requests\/s +p50 ms +p99 ms +failed$/m,
  );
  assert.match(text, /^headgate +12\.3 +12\.3–12\.3 +1\.00 +41,235 +1\.23 +5\.00 +7$/m);
  assert.match(text, /^headgate: standard$/m);
  assert.match(text, /^left out: caddy \(caddy is not installed\)$/m);
  assert.match(text, /quick run/);
  assert.match(text, /^FAULT bad$/m);
});

test('each part has a table of its own columns; what a row lacks is a dash', () => {
  const direct = { requests: 9, failedRequests: 0, p99Ms: 0.1, addedP99Ms: 0 };
  const rows = [
    ...summarise({ name: 'rate-5000', mainFigure: 'addedP99Ms', baselines: RATIOS }, [
      { name: 'direct', description: 'no proxy', rounds: [direct] },
      { name: 'nginx', description: 'bare', rounds: [{ ...direct, addedP99Ms: 0.05, rps: 3 }] },
    ]),
    ...summarise({ name: 'idle-10000', mainFigure: 'kibPerConnection', baselines: RATIOS }, [
      {
        name: 'nginx',
        description: 'bare',
        rounds: [{ requests: 9, failedRequests: 0, kibPerConnection: 1.25 }],
      },
    ]),
  ];
  const text = reportLines({ machine, quick: false, leftOut: [], faults: [] }, rows).join('\n');
  assert.match(text, /rate-5000\nproxy +added p99 ms +min–max +requests\/s +p99 ms +failed\n/);
  assert.match(text, /^direct +0\.000 +0\.000–0\.000 +– +0\.10 +0$/m);
  assert.match(text, /idle-10000\nproxy +KiB\/connection +min–max +failed\n/);
  assert.match(text, /^nginx +1\.3 +1\.3–1\.3 +0$/m);
});

test('a full run without faults says neither', () => {
  const text = reportLines({ machine, quick: false, leftOut: [], faults: [] }, []).join('\n');
  assert.doesNotMatch(text, /quick|FAULT|left out/);
});
