import type { LimitSetting, Protection } from '../side-by-side/tenant-documents.ts';
import { TENANTS, type Schedule } from '../side-by-side/settings.ts';

/** Secret of every tenant's API key; each tenant has a table of its own, so distinct ones would cost the same. */
export const API_KEY = 'hgk_bench-bench-bench-bench-bench-bench-bench-b';

/** A limit that no load of this benchmark reaches. */
const UNREACHABLE = 1_000_000_000;

/** Limit of the throttled tenant; some 40,000 requests per second are a hundred times as many. */
export const THROTTLED_PER_SECOND = 400;

/** Number of the tenant whose limits are low; no other load names it. */
export const THROTTLED_TENANT = TENANTS - 1;

/** The three windows of every request: two of the tenant, one of its API key. */
export interface Windows {
  readonly tenant: readonly LimitSetting[];
  readonly key: readonly LimitSetting[];
}

/** Windows that are all entered by `perSecond` requests per second. */
export function windowsOf(perSecond: number, perMinute: number): Windows {
  return {
    tenant: [
      { name: 'second', limit: perSecond, windowMs: 1000 },
      { name: 'minute', limit: perMinute, windowMs: 60_000 },
    ],
    key: [{ name: 'key-second', limit: perSecond, windowMs: 1000 }],
  };
}

/** Windows of all tenants but one. */
export const HIGH_WINDOWS = windowsOf(UNREACHABLE, UNREACHABLE);

/** Windows of {@link THROTTLED_TENANT}. */
export const LOW_WINDOWS = windowsOf(THROTTLED_PER_SECOND, 60 * THROTTLED_PER_SECOND);

/** API keys on all routes, and no limits: what `headgate-limits-off` does. */
export const KEYS_ONLY: Protection = {
  apiKey: API_KEY,
  limits: [],
  keyLimits: [],
  throttled: null,
};

/** API keys, and three windows for each request. */
export const THREE_WINDOWS: Protection = {
  apiKey: API_KEY,
  limits: HIGH_WINDOWS.tenant,
  keyLimits: HIGH_WINDOWS.key,
  throttled: {
    tenant: THROTTLED_TENANT,
    limits: LOW_WINDOWS.tenant,
    keyLimits: LOW_WINDOWS.key,
  },
};

/** Lengths of all parts. */
export type LimitsSchedules = Readonly<
  Record<'threeWindows' | 'oneTenant' | 'oneConnection' | 'denied', Schedule> & {
    /** Requests that each process answers before it is measured. */
    warmUpRequests: number;
  }
>;

/** About 8 minutes with all candidates. */
export const FULL_SCHEDULES: LimitsSchedules = {
  threeWindows: { starts: 3, rounds: 4, settleSeconds: 1, measureSeconds: 2 },
  oneTenant: { rounds: 3, settleSeconds: 1, measureSeconds: 3 },
  oneConnection: { rounds: 5, settleSeconds: 1, measureSeconds: 3 },
  denied: { rounds: 3, settleSeconds: 1, measureSeconds: 3 },
  warmUpRequests: 100_000,
};

/** Under a minute; all candidates take part in `three-windows` only. */
export const QUICK_SCHEDULES: LimitsSchedules = {
  threeWindows: { rounds: 1, settleSeconds: 1, measureSeconds: 2 },
  oneTenant: { rounds: 1, settleSeconds: 1, measureSeconds: 1 },
  oneConnection: { rounds: 1, settleSeconds: 0, measureSeconds: 2 },
  denied: { rounds: 1, settleSeconds: 1, measureSeconds: 1 },
  warmUpRequests: 15_000,
};
