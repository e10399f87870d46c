import type { PickableEndpoint } from './picker.ts';

/** Envoy's default healthy panic threshold (50 %). */
const THRESHOLD_DEFAULT = 0.5;

/**
 * The panic rule, as Envoy documents it: when fewer than the threshold of an upstream's endpoints are healthy, it is
 * likelier that the judgement is wrong or that the few left would drown than that all the others are dead. The
 * picker then ignores health and spreads over all endpoints. A full endpoint is healthy: if it counted as lost, load
 * alone would send requests to dead endpoints, which have the fewest in flight.
 *
 * Counting is O(endpoints), so the gauge counts at most every `endpoints / 16` picks: exact for up to 15 endpoints, at
 * most 16 calls of `isHealthy` per pick on average for more, and then up to that many picks late.
 */
export class PanicGauge {
  readonly #endpoints: readonly PickableEndpoint[];
  readonly #healthyMin: number;
  readonly #picksBetweenCounts: number;
  #picksSinceCount = Infinity;
  #active = false;

  /** @param threshold 0 (never panic) to 1 (panic as soon as one is unhealthy); default 0.5. */
  constructor(endpoints: readonly PickableEndpoint[], threshold: number = THRESHOLD_DEFAULT) {
    if (!(threshold >= 0 && threshold <= 1)) {
      throw new RangeError(`panicThreshold must be between 0 and 1, got ${threshold}`);
    }
    this.#endpoints = endpoints;
    this.#healthyMin = threshold * endpoints.length;
    this.#picksBetweenCounts = endpoints.length >> 4;
  }

  /** A pick begins. @hot */
  countPick(): void {
    this.#picksSinceCount += 1;
  }

  /** Whether to ignore health for this pick. @hot */
  isActive(): boolean {
    return this.#picksSinceCount > this.#picksBetweenCounts ? this.recount() : this.#active;
  }

  /** The same, from a fresh count: for a picker that found no endpoint and must be sure. */
  recount(): boolean {
    this.#picksSinceCount = 0;
    this.#active = this.#countHealthy() < this.#healthyMin;
    return this.#active;
  }

  #countHealthy(): number {
    const endpoints = this.#endpoints;
    let healthy = 0;
    for (let index = 0; index < endpoints.length; index += 1) {
      if (endpoints[index]?.isHealthy() === true) healthy += 1;
    }
    return healthy;
  }
}
