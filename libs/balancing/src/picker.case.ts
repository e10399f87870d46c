import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Random } from '@headgate/runtime';
import { createSeededRandom } from '@headgate/testkit';
import type { PickableEndpoint, Picker, PickerOptions } from './picker.ts';

/** An endpoint whose health and load a test sets. */
export interface TestEndpoint extends PickableEndpoint {
  /** Healthy, that is; and available, unless it is full. */
  available: boolean;
  full: boolean;
  activeRequests: number;
}

/** How the suite creates the picker under test. */
export type CreateTestPicker = (
  endpoints: readonly TestEndpoint[],
  random: Random,
  options?: PickerOptions,
) => Picker<TestEndpoint>;

/** Idle, available endpoints `e0`, `e1`, … of these weights. */
export function testEndpoints(weights: readonly number[]): TestEndpoint[] {
  return weights.map((weight, index) => ({
    id: `e${index}`,
    weight,
    activeRequests: 0,
    available: true,
    full: false,
    isAvailable() {
      return this.available && !this.full;
    },
    isHealthy() {
      return this.available;
    },
  }));
}

/** How often each endpoint was picked; the picks are counted, not the requests left in flight. */
export function countPicks(
  picker: Picker<TestEndpoint>,
  picks: number,
  exclude: TestEndpoint | null = null,
): Map<string, number> {
  const counts = new Map<string, number>();
  for (let pick = 0; pick < picks; pick += 1) {
    const id = picker.pick(exclude)?.id ?? 'none';
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

/** Fails unless each count is within 5 standard deviations of its binomial expectation (1 in 3.5 million by chance). */
export function assertShares(counts: Map<string, number>, weights: Record<string, number>): void {
  const picks = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const total = Object.values(weights).reduce((sum, weight) => sum + weight, 0);
  for (const [id, weight] of Object.entries(weights)) {
    const share = weight / total;
    const bound = 5 * Math.sqrt(picks * share * (1 - share)) + 1;
    const difference = Math.abs((counts.get(id) ?? 0) - picks * share);
    assert.ok(difference <= bound, `${id}: ${counts.get(id)} of ${picks}, expected ${share}`);
  }
  assert.deepEqual([...counts.keys()].sort(), Object.keys(weights).sort());
}

/** The rules that every picker obeys. */
export function describePicker(name: string, create: CreateTestPicker): void {
  describe(`${name}: picker conformance`, () => {
    describeSpread(create);
    describeAvailability(create);
    describePanic(create);
    describeFull(create);
    describeCost(create);
  });
}

function describeSpread(create: CreateTestPicker): void {
  for (const weights of [[1, 1, 1], [5, 1, 1], [3, 2], [1000, 1], Array<number>(100).fill(7)]) {
    test(`spreads idle traffic by weight: ${weights.length} endpoints of ${weights.slice(0, 3).join(', ')}`, () => {
      const endpoints = testEndpoints(weights);
      const counts = countPicks(create(endpoints, createSeededRandom(1)), 20_000);
      assertShares(counts, Object.fromEntries(endpoints.map(({ id, weight }) => [id, weight])));
    });
  }

  test('gives the share of an unavailable endpoint to the others by weight', () => {
    const endpoints = testEndpoints([4, 2, 1]);
    setAvailable(endpoints, [0, 2]);
    assertShares(countPicks(create(endpoints, createSeededRandom(2)), 20_000), { e0: 4, e2: 1 });
  });

  test('the same seed gives the same picks, another seed gives others', () => {
    const sequence = (seed: number): string => {
      const picker = create(testEndpoints([3, 2, 2, 1]), createSeededRandom(seed));
      return Array.from({ length: 64 }, () => picker.pick(null)?.id).join();
    };
    assert.equal(sequence(3), sequence(3));
    assert.notEqual(sequence(3), sequence(4));
  });

  test('pickers of several workers do not all start with the same endpoint', () => {
    const starts = new Set<string | undefined>();
    for (let seed = 0; seed < 64; seed += 1) {
      starts.add(create(testEndpoints([1, 1, 1, 1]), createSeededRandom(seed)).pick(null)?.id);
    }
    assert.equal(starts.size, 4);
  });
}

function describeAvailability(create: CreateTestPicker): void {
  test('never returns an unavailable or excluded endpoint while availability changes at random', () => {
    const random = createSeededRandom(5);
    const endpoints = testEndpoints([1, 2, 3, 4, 5, 6]);
    const picker = create(endpoints, random, { panicThreshold: 0 });
    for (let round = 0; round < 5000; round += 1) {
      for (const endpoint of endpoints) endpoint.available = random.next() < 0.4;
      const exclude = endpoints[Math.floor(random.next() * 7)] ?? null;
      const eligible = endpoints.filter((endpoint) => endpoint.available && endpoint !== exclude);
      const picked = picker.pick(exclude);
      if (picked === null) assert.equal(eligible.length, 0);
      else assert.ok(eligible.includes(picked), `picked ${picked.id}`);
    }
  });

  test('finds the only available endpoint of a thousand', () => {
    const endpoints = testEndpoints(Array<number>(1000).fill(1));
    setAvailable(endpoints, [617]);
    const picker = create(endpoints, createSeededRandom(6), { panicThreshold: 0 });
    assert.deepEqual(countPicks(picker, 100), new Map([['e617', 100]]));
  });

  test('one endpoint: picked when available, null when excluded', () => {
    const [only] = testEndpoints([1]);
    assert.ok(only);
    const picker = create([only], createSeededRandom(7));
    assert.equal(picker.pick(null), only);
    assert.equal(picker.pick(only), null);
  });

  test('no endpoints: null', () => {
    assert.equal(create([], createSeededRandom(8)).pick(null), null);
  });

  test('an excluded endpoint leaves its share to the others', () => {
    const endpoints = testEndpoints([2, 1, 1]);
    const counts = countPicks(create(endpoints, createSeededRandom(9)), 10_000, endpoints[0]);
    assertShares(counts, { e1: 1, e2: 1 });
  });
}

function describePanic(create: CreateTestPicker): void {
  test('all down: spreads over all by weight, except the excluded one', () => {
    const endpoints = testEndpoints([2, 1, 1]);
    setAvailable(endpoints, []);
    const picker = create(endpoints, createSeededRandom(10));
    assertShares(countPicks(picker, 10_000), { e0: 2, e1: 1, e2: 1 });
    assertShares(countPicks(picker, 10_000, endpoints[2]), { e0: 2, e1: 1 });
  });

  test('all down with panic off: null', () => {
    const endpoints = testEndpoints([1, 1, 1]);
    setAvailable(endpoints, []);
    const picker = create(endpoints, createSeededRandom(11), { panicThreshold: 0 });
    assert.equal(picker.pick(null), null);
  });

  test('exactly the threshold available: availability counts; one fewer: it is ignored', () => {
    const endpoints = testEndpoints([1, 1, 1, 1]);
    const picker = create(endpoints, createSeededRandom(12), { panicThreshold: 0.5 });
    setAvailable(endpoints, [1, 3]);
    assertShares(countPicks(picker, 10_000), { e1: 1, e3: 1 });
    setAvailable(endpoints, [3]);
    assertShares(countPicks(picker, 10_000), { e0: 1, e1: 1, e2: 1, e3: 1 });
    setAvailable(endpoints, [1, 3]);
    assertShares(countPicks(picker, 10_000), { e1: 1, e3: 1 });
  });

  test('a thousand endpoints leave panic within endpoints / 16 picks after recovery', () => {
    const endpoints = testEndpoints(Array<number>(1000).fill(1));
    setAvailable(endpoints, []);
    const picker = create(endpoints, createSeededRandom(13));
    assert.notEqual(picker.pick(null), null);
    endpoints.forEach((endpoint, index) => (endpoint.available = index >= 400));
    countPicks(picker, Math.ceil(1000 / 16));
    for (let pick = 0; pick < 5000; pick += 1) assert.ok(picker.pick(null)?.available);
  });

  test('refuses a threshold outside 0 to 1', () => {
    for (const panicThreshold of [-0.1, 1.1, Number.NaN]) {
      assert.throws(() => create(testEndpoints([1]), createSeededRandom(14), { panicThreshold }), {
        name: 'RangeError',
      });
    }
  });
}

function describeFull(create: CreateTestPicker): void {
  test('a full endpoint is passed over, and makes no panic: a dead one beside it gets nothing', () => {
    const endpoints = testEndpoints([1, 1, 1]);
    setAvailable(endpoints, [1, 2]);
    setFull(endpoints, [1]);
    const picker = create(endpoints, createSeededRandom(16));
    assert.deepEqual(countPicks(picker, 1000), new Map([['e2', 1000]]));
  });

  test('when all healthy endpoints are full they share what waits by weight, and a dead one gets nothing', () => {
    const endpoints = testEndpoints([1, 2, 1]);
    setAvailable(endpoints, [0, 1]);
    setFull(endpoints, [0, 1]);
    for (const panicThreshold of [0, 0.5]) {
      const picker = create(endpoints, createSeededRandom(17), { panicThreshold });
      assertShares(countPicks(picker, 10_000), { e0: 1, e1: 2 });
      assertShares(countPicks(picker, 1000, endpoints[1]), { e0: 1 });
    }
  });
}

function describeCost(create: CreateTestPicker): void {
  test('allocates nothing per pick', () => {
    const endpoints = testEndpoints(Array<number>(20).fill(1));
    setAvailable(
      endpoints,
      Array.from({ length: 12 }, (_, index) => index),
    );
    const picker = create(endpoints, boxedRandom());
    const picks = 50_000;
    let bytesPerPick = Infinity;
    for (let round = 0; round < 20; round += 1) {
      const before = process.memoryUsage().heapUsed;
      for (let pick = 0; pick < picks; pick += 1) picker.pick(null);
      const grown = process.memoryUsage().heapUsed - before;
      // A collection in the middle of a round makes it negative: such a round proves nothing.
      if (grown >= 0) bytesPerPick = Math.min(bytesPerPick, grown / picks);
    }
    // The smallest object takes 16 bytes.
    assert.ok(bytesPerPick < 8, `${bytesPerPick} bytes per pick`);
  });
}

/** A random whose numbers exist already: a call that V8 does not inline would allocate its result, 12 bytes. */
function boxedRandom(): Random {
  const source = createSeededRandom(15);
  // The string makes V8 keep the numbers as objects instead of unpacking them into a double array.
  const values: (number | string)[] = ['', ...Array.from({ length: 4096 }, () => source.next())];
  let index = 0;
  return {
    next() {
      index = (index & 4095) + 1;
      const value = values[index];
      return typeof value === 'number' ? value : 0;
    },
  };
}

function setAvailable(endpoints: readonly TestEndpoint[], indices: readonly number[]): void {
  endpoints.forEach((endpoint, index) => (endpoint.available = indices.includes(index)));
}

function setFull(endpoints: readonly TestEndpoint[], indices: readonly number[]): void {
  endpoints.forEach((endpoint, index) => (endpoint.full = indices.includes(index)));
}
