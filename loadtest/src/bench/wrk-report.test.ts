import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseWrkOutput } from './wrk-report.ts';

const FIELDS = {
  requests: 50_000,
  durationUs: 2_000_000,
  p50Us: 1250,
  p99Us: 4000,
  connect: 0,
  read: 0,
  write: 0,
  timeout: 0,
  status: 0,
  denied: 0,
};

/** wrk 4.1 prints its own text before what the script prints. */
function output(fields: object): string[] {
  return [
    'Running 2s test @ http://127.0.0.1:20000',
    '  1 threads and 64 connections',
    '  Thread Stats   Avg      Stdev     Max   +/- Stdev',
    'Requests/sec:  25000.12',
    `headgate-bench ${JSON.stringify({ ...FIELDS, ...fields })}`,
  ];
}

test('rates and latencies come from the line of the script', () => {
  assert.deepEqual(parseWrkOutput(output({})), {
    requests: 50_000,
    rps: 25_000,
    p50Ms: 1.25,
    p99Ms: 4,
    denied: 0,
    failedRequests: 0,
  });
});

test('every kind of failure counts as a failed request', () => {
  const kinds = ['connect', 'read', 'write', 'timeout', 'status'];
  for (const kind of kinds) {
    assert.equal(parseWrkOutput(output({ [kind]: 3 })).failedRequests, 3, kind);
  }
  const all = Object.fromEntries(kinds.map((kind, index) => [kind, 10 ** index]));
  assert.equal(parseWrkOutput(output(all)).failedRequests, 11_111);
});

test('denials that were expected are no failures; other statuses still are', () => {
  const { denied, failedRequests } = parseWrkOutput(output({ status: 12, denied: 9, read: 1 }));
  assert.deepEqual([denied, failedRequests], [9, 4]);
});

test('output without exactly one sound report is refused', () => {
  assert.throws(() => parseWrkOutput(output({}).slice(0, 4)), /0 reports/);
  assert.throws(() => parseWrkOutput([...output({}), ...output({})]), /2 reports/);
  assert.throws(() => parseWrkOutput(output({ durationUs: 0 })));
  assert.throws(() => parseWrkOutput(output({ requests: -1 })));
  assert.throws(() => parseWrkOutput(output({ surprise: 1 })));
  assert.throws(() => parseWrkOutput(['headgate-bench {"requests":']));
});
