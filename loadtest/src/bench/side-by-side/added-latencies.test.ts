import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addedLatencies } from './added-latencies.ts';

function measured(name: string, p50Ms: readonly number[], p99Ms: readonly number[]) {
  const rounds = p50Ms.map((value, index) => {
    return { requests: 1, failedRequests: 0, p50Ms: value, p99Ms: p99Ms[index] ?? 0 };
  });
  return { name, description: '', rounds };
}

test('what a proxy adds is the difference to the direct way in the same round', () => {
  const all = addedLatencies(
    [measured('headgate', [3, 5], [10, 30]), measured('direct', [1, 2], [4, 20])],
    'direct',
  );
  const added = all.map(({ rounds }) =>
    rounds.map((round) => [round.addedP50Ms, round.addedP99Ms]),
  );
  assert.deepEqual(added, [
    [
      [2, 6],
      [3, 10],
    ],
    [
      [0, 0],
      [0, 0],
    ],
  ]);
});
