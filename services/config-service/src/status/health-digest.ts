import { healthKey, type HealthState } from '@headgate/model';

/** Health of upstreams, cut to what a reply can hold. */
export interface HealthDigest {
  /** Sorted by tenant and upstream, shared ones first. */
  readonly upstreams: readonly HealthState[];
  /** How many there are, told or not. */
  readonly total: number;
  /** How many of them have an endpoint that is not healthy. */
  readonly unhealthy: number;
}

/** What a reply tells at most: 10,000 endpoints are some 2 MiB. */
const UPSTREAMS_MAX = 1000;
const ENDPOINTS_MAX = 10_000;

/**
 * All upstreams if they fit, else those with an endpoint that is not healthy; of too many of these, some. No more is sorted
 * than is told.
 */
export function digestHealth(
  states: Iterable<HealthState>,
  isWanted: (state: HealthState) => boolean,
): HealthDigest {
  const healthy = new Selection();
  const unhealthy = new Selection();
  for (const state of states) {
    if (!isWanted(state)) continue;
    if (isHealthy(state)) healthy.add(state);
    else unhealthy.add(state);
  }
  const total = healthy.count + unhealthy.count;
  const told = fits(total, healthy.endpoints + unhealthy.endpoints)
    ? [...healthy.kept, ...unhealthy.kept]
    : [...unhealthy.kept];
  return { upstreams: told.sort(byKey), total, unhealthy: unhealthy.count };
}

/** The first states that fit, and how many there were. */
class Selection {
  readonly kept: HealthState[] = [];
  count = 0;
  endpoints = 0;

  add(state: HealthState): void {
    this.count += 1;
    this.endpoints += state.endpoints.length;
    if (fits(this.count, this.endpoints)) this.kept.push(state);
  }
}

function fits(upstreams: number, endpoints: number): boolean {
  return upstreams <= UPSTREAMS_MAX && endpoints <= ENDPOINTS_MAX;
}

function isHealthy({ endpoints }: HealthState): boolean {
  return endpoints.every(({ state }) => state === 'healthy');
}

function byKey(a: HealthState, b: HealthState): number {
  return healthKey(a) < healthKey(b) ? -1 : 1;
}
