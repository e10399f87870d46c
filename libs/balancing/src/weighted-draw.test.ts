import { test } from 'node:test';
import { createSeededRandom } from '@headgate/testkit';
import { assertShares } from './picker.case.ts';
import { WeightedDraw } from './weighted-draw.ts';

for (const weights of [[1], [1, 1], [3, 1, 2], [1000, 1, 1], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]]) {
  test(`weighted draw: shares follow the weights ${weights.join()}`, () => {
    const draw = new WeightedDraw(weights, createSeededRandom(40));
    const counts = new Map<string, number>();
    for (let index = 0; index < 50_000; index += 1) {
      const id = `${draw.draw()}`;
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    assertShares(counts, Object.fromEntries(weights.entries()));
  });
}
