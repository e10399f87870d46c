import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMicroLine } from './micro-output.ts';

test('the number before ns counts, what stands beside it is the name', () => {
  const cases: [string, string, number][] = [
    ['    612 ns  request parse, 301 bytes', 'request parse, 301 bytes', 612],
    ['  JSON.stringify of the record       1234.5 ns', 'JSON.stringify of the record', 1234.5],
    [
      'least_request, 3 endpoints, a third down   21.0 ns/pick',
      'least_request, 3 endpoints, a third down',
      21,
    ],
    ['deny, 2 rules    55 ns/request', 'deny, 2 rules', 55],
    [
      '10 tenants: 81.2 ns per look-up (median of 21 rounds)',
      '10 tenants (median of 21 rounds)',
      81.2,
    ],
    ['x 1,234 ns', 'x', 1234],
  ];
  for (const [line, name, ns] of cases) assert.deepEqual(parseMicroLine(line), { name, ns }, line);
});

test('lines without a figure in ns have none', () => {
  for (const line of ['', 'ratio: 1.012', '1 tenant  12 us/req', 'warns 5 nsx', 'v1.2 nsec']) {
    assert.equal(parseMicroLine(line), null, line);
  }
});
