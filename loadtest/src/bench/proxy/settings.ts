/** Keep-alive connections of wrk. */
export const PROXY_CONNECTIONS = 64;

/** Tenants of the standard profile. */
export const TENANTS = 10_000;

/**
 * Tenants that requests go to, in turn; spread evenly over all. An edge never shares connections to endpoints between
 * tenants, so this many tenants with 3 endpoints each keep up to 3 times as many connections open.
 */
export const ACTIVE_TENANTS = 1000;

/** Ports that the backend listens on: the endpoints of every tenant. */
export const BACKEND_PORTS = 3;

/** Path of every request. */
export const REQUEST_PATH = '/v1/items/42';

/** Length of a run. */
export interface Schedule {
  readonly rounds: number;
  /** Load before each measurement, which is thrown away: opens connections and warms caches. */
  readonly settleSeconds: number;
  readonly measureSeconds: number;
}

/** About 5 minutes with eight candidates. */
export const FULL_SCHEDULE: Schedule = { rounds: 5, settleSeconds: 1, measureSeconds: 5 };

/** About 45 seconds with eight candidates. */
export const QUICK_SCHEDULE: Schedule = { rounds: 2, settleSeconds: 1, measureSeconds: 1 };
