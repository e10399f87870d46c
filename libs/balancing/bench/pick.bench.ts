/**
 * Cost of one pick. Run: `node libs/balancing/bench/pick.bench.ts`.
 * Reports the median of several interleaved rounds in ns, all endpoints available, and with a third of them down.
 */
import { systemRandom } from '@headgate/runtime';
import { createPicker, type PickableEndpoint, type PickerKind } from '../src/index.ts';

const ROUNDS = 7;
const CALLS_PER_ROUND = 1_000_000;

class BenchEndpoint implements PickableEndpoint {
  readonly id: string;
  readonly weight = 1;
  activeRequests = 0;
  available: boolean;

  constructor(index: number, available: boolean) {
    this.id = `e${index}`;
    this.available = available;
  }

  isAvailable(): boolean {
    return this.available;
  }

  isHealthy(): boolean {
    return this.available;
  }
}

interface Variant {
  readonly name: string;
  readonly run: (picks: number) => number;
  readonly picks: number;
  readonly samples: number[];
}

function createVariant(kind: PickerKind, count: number, down: boolean): Variant {
  const endpoints = Array.from(
    { length: count },
    (_, index) => new BenchEndpoint(index, !down || index % 3 !== 0),
  );
  const picker = createPicker(kind, endpoints, systemRandom);
  return {
    name: `${kind}, ${count} endpoints${down ? ', a third down' : ''}`,
    picks: Math.max(5000, CALLS_PER_ROUND / count),
    samples: [],
    run(picks) {
      const start = performance.now();
      for (let pick = 0; pick < picks; pick += 1) {
        const endpoint = picker.pick(null);
        if (endpoint !== null) endpoint.activeRequests = (endpoint.activeRequests + 1) & 7;
      }
      return ((performance.now() - start) * 1e6) / picks;
    },
  };
}

const variants: Variant[] = [];
for (const kind of ['round_robin', 'least_request'] as const) {
  for (const count of [3, 1000]) {
    for (const down of [false, true]) variants.push(createVariant(kind, count, down));
  }
}
for (let round = 0; round < ROUNDS; round += 1) {
  for (const variant of variants) variant.samples.push(variant.run(variant.picks));
}
for (const variant of variants) {
  const median = variant.samples.toSorted((a, b) => a - b)[ROUNDS >> 1] ?? Number.NaN;
  console.log(`${variant.name.padEnd(46)} ${median.toFixed(1).padStart(8)} ns/pick`);
}
