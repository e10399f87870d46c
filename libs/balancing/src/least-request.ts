import type { Random } from '@headgate/runtime';
import { PanicGauge } from './panic-gauge.ts';
import {
  isEligible,
  type Eligibility,
  type PickableEndpoint,
  type Picker,
  type PickerOptions,
} from './picker.ts';
import { WeightedDraw } from './weighted-draw.ts';

/**
 * Draws to find two candidates. With 49 % of the endpoints down (one more is panic) eight draws find none
 * once in 300 picks, and the exact scan takes over.
 */
const DRAWS_MAX = 8;

/**
 * Least request by the power of two choices (Mitzenmacher 2001): two endpoints are drawn by weight and the one with
 * fewer requests in flight for its weight wins. Equal load leaves the first, so idle endpoints share by weight exactly,
 * and no endpoint attracts all workers at once as the global minimum would.
 */
export class LeastRequestPicker<E extends PickableEndpoint> implements Picker<E> {
  readonly #endpoints: readonly E[];
  readonly #random: Random;
  readonly #draw: WeightedDraw;
  readonly #panic: PanicGauge;

  constructor(endpoints: readonly E[], random: Random, options: PickerOptions = {}) {
    this.#endpoints = endpoints;
    this.#random = random;
    this.#draw = new WeightedDraw(
      endpoints.map((endpoint) => endpoint.weight),
      random,
    );
    this.#panic = new PanicGauge(endpoints, options.panicThreshold);
  }

  /**
   * Asks for panic only when a candidate is not available: as long as those drawn are, it makes no difference whether
   * the others are. With thousands of active tenants every object that is not looked at saves a cache miss.
   *
   * @hot
   */
  pick(exclude: E | null): E | null {
    if (this.#endpoints.length === 0) return null;
    this.#panic.countPick();
    let ignoreHealth = false;
    let first: E | null = null;
    for (let draw = 0; draw < DRAWS_MAX; draw += 1) {
      const candidate = this.#endpoints[this.#draw.draw()];
      if (candidate === undefined || candidate === exclude || candidate === first) continue;
      if (!ignoreHealth && !candidate.isAvailable()) {
        ignoreHealth = this.#panic.isActive();
        if (!ignoreHealth) continue;
      }
      if (first !== null) return lessLoaded(first, candidate);
      first = candidate;
    }
    return first ?? this.#scan(exclude, ignoreHealth || this.#panic.isActive());
  }

  /** Looks at every endpoint: the answer when few are eligible, and the proof when there is none. */
  #scan(exclude: E | null, panics: boolean): E | null {
    if (panics) return this.#drawEligible(exclude, 'any');
    const found = this.#drawEligible(exclude, 'available');
    if (found !== null) return found;
    if (this.#panic.recount()) return this.#drawEligible(exclude, 'any');
    // Full ones: the shorter queue of two.
    const first = this.#drawEligible(exclude, 'healthy');
    return first === null
      ? null
      : lessLoaded(first, this.#drawEligible(exclude, 'healthy') ?? first);
  }

  /** One eligible endpoint by weight, from two passes: sum, then walk to a random point of it. */
  #drawEligible(exclude: E | null, eligibility: Eligibility): E | null {
    let total = 0;
    for (const endpoint of this.#endpoints) {
      if (endpoint !== exclude && isEligible(endpoint, eligibility)) total += endpoint.weight;
    }
    let left = this.#random.next() * total;
    for (const endpoint of this.#endpoints) {
      if (endpoint === exclude || !isEligible(endpoint, eligibility)) continue;
      left -= endpoint.weight;
      if (left < 0) return endpoint;
    }
    return null;
  }
}

/** Compares requests in flight per weight without dividing. */
function lessLoaded<E extends PickableEndpoint>(first: E, second: E): E {
  return second.activeRequests * first.weight < first.activeRequests * second.weight
    ? second
    : first;
}
