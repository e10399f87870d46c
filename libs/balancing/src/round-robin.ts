import type { Random } from '@headgate/runtime';
import { PanicGauge } from './panic-gauge.ts';
import {
  isEligible,
  type Eligibility,
  type PickableEndpoint,
  type Picker,
  type PickerOptions,
} from './picker.ts';

/**
 * Smooth weighted round robin, as nginx does it (`ngx_http_upstream_round_robin.c`, since 1.3.1): every eligible
 * endpoint earns its weight per pick, the richest is taken and pays what all earned. Weights 5, 1, 1 give a a b a c a a,
 * not a a a a a b c. Each worker starts from random credits, so that workers do not march in step over the endpoints.
 *
 * A pick is O(endpoints), as in nginx; for upstreams of hundreds of endpoints least_request is the cheaper choice
 * (see bench/pick.bench.ts).
 */
export class RoundRobinPicker<E extends PickableEndpoint> implements Picker<E> {
  readonly #endpoints: readonly E[];
  readonly #weights: Float64Array;
  readonly #credits: Float64Array;
  readonly #panic: PanicGauge;

  constructor(endpoints: readonly E[], random: Random, options: PickerOptions = {}) {
    this.#endpoints = endpoints;
    this.#weights = Float64Array.from(endpoints, (endpoint) => endpoint.weight);
    this.#credits = this.#weights.map((weight) => random.next() * weight);
    this.#panic = new PanicGauge(endpoints, options.panicThreshold);
  }

  /** @hot */
  pick(exclude: E | null): E | null {
    this.#panic.countPick();
    if (this.#panic.isActive()) return this.#pickRichest(exclude, 'any');
    const picked = this.#pickRichest(exclude, 'available');
    if (picked !== null) return picked;
    return this.#pickRichest(exclude, this.#panic.recount() ? 'any' : 'healthy');
  }

  #pickRichest(exclude: E | null, eligibility: Eligibility): E | null {
    const endpoints = this.#endpoints;
    const weights = this.#weights;
    const credits = this.#credits;
    let earned = 0;
    let richest = -1;
    let richestCredit = -Infinity;
    for (let index = 0; index < endpoints.length; index += 1) {
      const endpoint = endpoints[index];
      if (endpoint === undefined || endpoint === exclude) continue;
      if (!isEligible(endpoint, eligibility)) continue;
      const weight = weights[index] ?? 0;
      const credit = (credits[index] ?? 0) + weight;
      credits[index] = credit;
      earned += weight;
      if (credit > richestCredit) {
        richest = index;
        richestCredit = credit;
      }
    }
    if (richest === -1) return null;
    credits[richest] = richestCredit - earned;
    return endpoints[richest] ?? null;
  }
}
