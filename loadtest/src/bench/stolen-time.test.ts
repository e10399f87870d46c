import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measureUndisturbed, parseMachineTicks, stolenPercent } from './stolen-time.ts';

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

/** A machine that a second of measuring takes 1,000 ticks on, of which so many are stolen. */
function machine(...stolen: number[]) {
  const readings = stolen
    .flatMap((ticks) => [0, ticks])
    .map((ticks) => ({ stolen: ticks, all: 0 }));
  readings.forEach((reading, index) => (reading.all = (index % 2) * 1000));
  let measured = 0;
  return {
    measure: async () => (measured += 1),
    readTicks: async () => readings.shift() ?? null,
  };
}

test('a measurement that little was stolen from stands', async () => {
  const { measure, readTicks } = machine(10, 0);
  const best = await measureUndisturbed(measure, () => assert.fail('asked'), readTicks);
  assert.deepEqual(best, { value: 1, stolenPercent: 1 });
});

test('others are taken again until one is undisturbed', async () => {
  const { measure, readTicks } = machine(300, 500, 0, 0);
  const disturbed: number[] = [];
  const mayRetake = ({ stolenPercent: percent }: { stolenPercent: number }): boolean =>
    disturbed.push(percent) > 0;
  const best = await measureUndisturbed(measure, mayRetake, readTicks);
  assert.deepEqual(best, { value: 3, stolenPercent: 0 });
  assert.deepEqual(disturbed, [30, 50]);
});

test('of those that were all disturbed the least disturbed one counts', async () => {
  const { measure, readTicks } = machine(300, 40, 500);
  let left = 2;
  const best = await measureUndisturbed(measure, () => (left -= 1) >= 0, readTicks);
  assert.deepEqual(best, { value: 2, stolenPercent: 4 });
});
