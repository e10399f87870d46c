import type { Random } from '@headgate/runtime';
import { LeastRequestPicker } from './least-request.ts';
import { RoundRobinPicker } from './round-robin.ts';

/** What a picker sees of an endpoint; the edge's endpoint object implements it (one shape). */
export interface PickableEndpoint {
  /** `host:port`, unique within the upstream. */
  readonly id: string;
  /** Relative share of the traffic, 1 to 1000. A picker reads it once, when it is created. */
  readonly weight: number;
  /** Requests in flight from this worker. */
  readonly activeRequests: number;
  /** Healthy and not full. What pickers ask of each candidate, so it must be cheap. */
  isAvailable(): boolean;
  /** Whether it is sound, full or not: what counts for panic, and who gets requests that have to wait. */
  isHealthy(): boolean;
}

/** Whom a pick may choose: available ones, else healthy ones, else, in panic, any. */
export type Eligibility = 'available' | 'healthy' | 'any';

/** @hot */
export function isEligible(endpoint: PickableEndpoint, eligibility: Eligibility): boolean {
  if (eligibility === 'available') return endpoint.isAvailable();
  return eligibility === 'any' || endpoint.isHealthy();
}

/** A load-balancing algorithm over the endpoints of one upstream. */
export interface Picker<E extends PickableEndpoint> {
  /**
   * Chooses the endpoint of the next attempt. Allocates nothing.
   *
   * @param exclude the endpoint that was tried already, or null.
   * When all healthy endpoints are full, it is one of them.
   *
   * @returns null when there is none: all are excluded, or none is healthy and panic is off.
   * @hot
   */
  pick(exclude: E | null): E | null;
}

/** Algorithms a tenant can choose; the values of `picker` in an upstream. */
export type PickerKind = 'round_robin' | 'least_request';

/** Settings of a picker. */
export interface PickerOptions {
  /** Share of healthy endpoints, 0 to 1, below which health is ignored. Default 0.5; 0 turns panic off. */
  readonly panicThreshold?: number;
}

/**
 * Creates the picker of one upstream. Endpoints and weights are fixed for its life: a changed upstream gets a new one.
 *
 * @param random needs no cryptographic strength; one per worker keeps workers from marching in step.
 */
export function createPicker<E extends PickableEndpoint>(
  kind: PickerKind,
  endpoints: readonly E[],
  random: Random,
  options: PickerOptions = {},
): Picker<E> {
  switch (kind) {
    case 'round_robin':
      return new RoundRobinPicker(endpoints, random, options);
    case 'least_request':
      return new LeastRequestPicker(endpoints, random, options);
  }
}
