import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decisionFaults } from './decision-faults.ts';

const line = (outcome: string, source: string, count: number): string =>
  `headgate_limit_decisions_total{outcome="${outcome}",source="${source}"} ${count}\n`;

test('decisions of Redis, and denials that it made earlier, are no fault', () => {
  const metrics = line('admitted', 'store', 9000) + line('denied', 'deny_cache', 1000);
  assert.deepEqual(decisionFaults(metrics), []);
  assert.deepEqual(decisionFaults(metrics + line('admitted', 'lease', 90_000)), []);
  assert.deepEqual(decisionFaults(metrics + line('admitted', 'share', 10)), []);
  assert.deepEqual(decisionFaults(''), [], 'an edge without limits decides nothing');
});

test('decisions without Redis are told, requests that could not be decided among them', () => {
  for (const [outcome, source] of [
    ['admitted', 'share'],
    ['admitted', 'open'],
    ['unavailable', 'store'],
  ] as const) {
    const metrics = line('admitted', 'store', 9000) + line(outcome, source, 1000);
    const [fault, ...rest] = decisionFaults(metrics);
    assert.equal(fault, '1000 of 10000 limit decisions were made without Redis');
    assert.deepEqual(rest, []);
  }
});
