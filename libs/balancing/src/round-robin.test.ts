import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSeededRandom } from '@headgate/testkit';
import { describePicker, testEndpoints } from './picker.case.ts';
import { RoundRobinPicker } from './round-robin.ts';

describePicker(
  'round_robin',
  (endpoints, random, options) => new RoundRobinPicker(endpoints, random, options),
);

test('round_robin: equal weights take strict turns', () => {
  const picker = new RoundRobinPicker(testEndpoints([1, 1, 1]), createSeededRandom(20));
  const turn = [picker.pick(null)?.id, picker.pick(null)?.id, picker.pick(null)?.id];
  assert.equal(new Set(turn).size, 3);
  for (let round = 0; round < 100; round += 1) {
    for (const id of turn) assert.equal(picker.pick(null)?.id, id);
  }
});

test('round_robin: weights 5, 1, 1 never give a light endpoint two turns or the heavy one more than five in a row', () => {
  const picker = new RoundRobinPicker(testEndpoints([5, 1, 1]), createSeededRandom(21));
  let previous: string | undefined;
  let repeats = 0;
  for (let pick = 0; pick < 700; pick += 1) {
    const id = picker.pick(null)?.id;
    repeats = id === previous ? repeats + 1 : 1;
    assert.ok(repeats <= (id === 'e0' ? 5 : 1), `${id} ${repeats} times in a row at pick ${pick}`);
    previous = id;
  }
});
