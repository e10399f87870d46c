import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMachineTicks, Retakes, stolenPercent } from './stolen-time.ts';

test('the eighth number of the first line is stolen time; guests are part of user time', () => {
  const stat = 'cpu  100 10 20 500 5 1 4 60 7 3\ncpu0 50 5 10 250 2 0 2 30 3 1\nintr 1';
  assert.deepEqual(parseMachineTicks(stat), { stolen: 60, all: 700 });
});

test('what is no such line tells nothing', () => {
  for (const stat of ['', 'cpu', 'cpu 1 2 3', 'cpu0 1 2 3 4 5 6 7 8', 'cpu a b c d e f g h']) {
    assert.equal(parseMachineTicks(stat), null, stat);
  }
});

test('the stolen part is of the time between two readings', () => {
  const before = { stolen: 60, all: 700 };
  assert.equal(stolenPercent(before, { stolen: 70, all: 900 }), 5);
  assert.equal(stolenPercent(before, before), 0);
  assert.equal(stolenPercent(null, before), 0);
  assert.equal(stolenPercent(before, null), 0);
});

/** A machine on which a measurement takes 1,000 ticks; so many are stolen of one after the other. */
function machine(...stolen: number[]) {
  const readings = stolen.flatMap((ticks) => [
    { stolen: 0, all: 0 },
    { stolen: ticks, all: 1000 },
  ]);
  const said: string[] = [];
  let measured = 0;
  return {
    said,
    measure: async () => (measured += 1),
    deps: {
      say: (line: string) => said.push(line),
      readTicks: async () => readings.shift() ?? null,
    },
  };
}

test('a measurement that little was stolen of stands', async () => {
  const { measure, deps, said } = machine(10, 0);
  const taken = await new Retakes(9, deps).measure('a', measure);
  assert.deepEqual(taken, { value: 1, stolenPercent: 1 });
  assert.deepEqual(said, []);
});

test('others are taken again until one is undisturbed', async () => {
  const { measure, deps, said } = machine(300, 500, 0, 0);
  const taken = await new Retakes(9, deps).measure('a', measure);
  assert.deepEqual(taken, { value: 3, stolenPercent: 0 });
  assert.deepEqual(said, [
    'a: 30.0 % of the time was stolen; once more',
    'a: 50.0 % of the time was stolen; once more',
  ]);
});

test('of those that were all disturbed the least disturbed one counts', async () => {
  const { measure, deps } = machine(300, 400, 40, 500, 600, 0);
  const taken = await new Retakes(9, deps).measure('a', measure);
  assert.deepEqual(taken, { value: 3, stolenPercent: 4 });
});

test('all together are taken again no more often than they may be', async () => {
  const { measure, deps } = machine(300, 200, 100, 50);
  const retakes = new Retakes(1, deps);
  assert.deepEqual(await retakes.measure('a', measure), { value: 2, stolenPercent: 20 });
  assert.deepEqual(await retakes.measure('b', measure), { value: 3, stolenPercent: 10 });
});
