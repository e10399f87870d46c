/** Keep-alive connections of wrk for small answers. */
export const CONNECTIONS = 64;

/**
 * Host of the first tenant for requests over TLS: wrk asks for a certificate of the name that it connects to, which has to
 * lead to this machine.
 */
export const TLS_HOST = 'localhost';

/** Tenants of the standard profile. */
export const TENANTS = 10_000;

/**
 * Tenants that requests go to, in turn; spread evenly over all: one per connection on average. An edge never shares
 * connections to endpoints between tenants, so its cost rises with this number.
 */
export const ACTIVE_TENANTS = 64;

/** Ports that the backend listens on: the endpoints of every tenant. */
export const BACKEND_PORTS = 3;

/** Path that is answered with a small body, and with one of 1 MiB. */
export const REQUEST_PATH = '/v1/items/42';
export const BODY_PATH = '/v1/files/1m';

/** Least requests of the warm-up to each active tenant: it is compiled then, and its connections are open. */
export const WARM_UP_PER_TENANT = 10;

/** Length of a part. */
export interface Schedule {
  /** How often the candidates are started afresh, for parts that can; default 1. Of each start there are all rounds. */
  readonly starts?: number;
  readonly rounds: number;
  /** Load before each measurement, which is thrown away: opens connections and warms caches. 0: none. */
  readonly settleSeconds: number;
  readonly measureSeconds: number;
}
