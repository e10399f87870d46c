import type { Schedule } from '../side-by-side/settings.ts';

/** Keep-alive connections of wrk for bodies of 1 MiB. */
export const BODY_CONNECTIONS = 16;

/** Active tenants of `headgate-1000-active`; with 3 endpoints each, up to 3,000 connections are open. */
export const MANY_ACTIVE_TENANTS = 1000;

/** Tenants of the part `tenants`. */
export const TEN_TENANTS = 10;
export const MANY_TENANTS = 100_000;

/** Fixed rate of the part `rate-5000`, and connections that its generator may use at the same time. */
export const RATE_PER_SECOND = 5000;
export const RATE_CONNECTIONS = 512;

/** Idle connections of the part `idle-10000`. */
export const IDLE_CONNECTIONS = 10_000;

/** Lengths of all parts. */
export type PartSchedules = Readonly<
  Record<'small' | 'rate' | 'body' | 'tls' | 'tenants', Schedule> & {
    idleRounds: number;
    /** Requests that each process answers before it is measured: the JIT compilers of Node need them. */
    warmUpRequests: number;
  }
>;

/** About 20 minutes with all candidates. */
export const FULL_SCHEDULES: PartSchedules = {
  small: { starts: 3, rounds: 4, settleSeconds: 1, measureSeconds: 2 },
  rate: { rounds: 7, settleSeconds: 1, measureSeconds: 3 },
  body: { rounds: 3, settleSeconds: 1, measureSeconds: 3 },
  tls: { rounds: 5, settleSeconds: 1, measureSeconds: 3 },
  tenants: { rounds: 5, settleSeconds: 1, measureSeconds: 3 },
  idleRounds: 3,
  warmUpRequests: 100_000,
};

/** Under a minute with nearly all candidates in `small`, and a few in two other parts; the rest has to be named. */
export const QUICK_SCHEDULES: PartSchedules = {
  small: { rounds: 1, settleSeconds: 1, measureSeconds: 1 },
  rate: { rounds: 1, settleSeconds: 0.5, measureSeconds: 1.5 },
  body: { rounds: 1, settleSeconds: 0, measureSeconds: 1 },
  tls: { rounds: 1, settleSeconds: 1, measureSeconds: 1 },
  tenants: { rounds: 1, settleSeconds: 0, measureSeconds: 1 },
  idleRounds: 1,
  warmUpRequests: 20_000,
};
