import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseReport } from './run-h2load.ts';

test('the report of h2load: by kind of answer', () => {
  const text = [
    'finished in 10.18s, 26411.10 req/s, 12.21MB/s',
    'requests: 264111 total, 268111 started, 264111 done, 263171 succeeded, 940 failed, 3 errored, 2 timeout',
    'status codes: 263100 2xx, 1 3xx, 70 4xx, 940 5xx',
  ].join('\n');
  assert.deepEqual(parseReport(text), { ok: 263_100, shed: 940, refused: 70, failed: 6 });
});

test('anything else is an error that shows it', () => {
  assert.throws(() => parseReport('h2load: command line error'), /command line error/);
});
