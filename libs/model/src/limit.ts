import { z } from 'zod';

/** Longest sliding window: 31 days in ms. */
const WINDOW_MS_MAX = 31 * 24 * 3600 * 1000;

/** Largest `burst × windowMs` of a rate, so that the limiter's arithmetic stays exact. */
const RATE_SPAN_MAX = 9_000_000_000_000;

/** Least `reserveBytes` of a limit that is no less itself: each step is work for an edge and for Redis. */
const RESERVE_BYTES_MIN = 4096;

/** Longest window of a limit per consumer, a day in ms: what each of many consumers leaves in Redis is gone after it. */
const CONSUMER_WINDOW_MS_MAX = 24 * 3600 * 1000;

/** What a limit bounds; {@link Limit} says how. */
export const LimitKind = z.enum(['window', 'rate', 'concurrency', 'quota']);
export type LimitKind = z.infer<typeof LimitKind>;

/** What a limit counts: requests by the cost of their route, or the bytes of their bodies in one direction. */
export const LimitUnit = z.enum(['requests', 'request-bytes', 'response-bytes']);
export type LimitUnit = z.infer<typeof LimitUnit>;

/** Part of a limit in percent, that is never the whole. */
const percent = z.int().min(0).max(99).optional();

/** What requests of a class leave to more important ones, in percent of a limit; rounded up, so that at least 1 is left to them. */
export const Headroom = z
  .strictObject({
    normal: percent.describe(
      'What requests of routes of the priority "normal" leave to "critical" ones. Default 0.',
    ),
    bulk: percent.describe(
      'What requests of routes of the priority "bulk" leave to all others, at least as much as `normal`. Default 0.',
    ),
  })
  .superRefine(({ normal = 0, bulk = 0 }, context) => {
    if (bulk >= normal) return;
    const message = `must be at least ${normal}, as "bulk" is less important than "normal"`;
    context.addIssue({ code: 'custom', path: ['bulk'], message, input: bulk });
  })
  .describe(
    'Parts of the limit in percent (of a rate: of its burst) that requests leave to those of more important routes.',
  );
export type Headroom = z.infer<typeof Headroom>;

/**
 * A limit over all edges. `window`: never more than `limit` requests in any window of `windowMs`. `rate`: never more
 * than `burst` and `limit` per `windowMs` in any time. `concurrency`: never more than `limit` in flight. `quota`: never
 * more than `limit` in a calendar period of the tenant's time zone.
 */
export const Limit = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z][a-z0-9_-]{0,31}$/, 'must be a-z, then up to 31 of a-z, 0-9, "_" and "-"')
      .describe('Policy name, shown to clients in RateLimit headers.'),
    kind: LimitKind.default('window').describe(
      '"window": exact sliding window, never more than `limit` in any `windowMs`. "rate": a pace (GCRA), never more than `burst` at once and `limit` per `windowMs` from then on. "concurrency": never more than `limit` requests in flight, WebSockets and streams while they live. "quota": never more than `limit` in a calendar `period` of the tenant’s `timeZone`.',
    ),
    limit: z
      .int()
      .min(1)
      .max(1_000_000_000_000)
      .describe('Units per window or period (kind "concurrency": in flight), at least 1.'),
    windowMs: z
      .int()
      .min(100)
      .max(WINDOW_MS_MAX)
      .optional()
      .describe(
        'Length of the window in ms; required for the kinds "window" and "rate", the others have none.',
      ),
    period: z
      .enum(['hour', 'day', 'week', 'month'])
      .optional()
      .describe(
        'Kind "quota" only, and required there: the period of the calendar; a week begins on Monday.',
      ),
    unit: LimitUnit.optional().describe(
      'Kinds "window" and "quota" only: what is counted. "requests" (default) by the cost of their route; "request-bytes" and "response-bytes" the bytes of bodies as they pass, WebSockets included.',
    ),
    reserveBytes: z
      .int()
      .min(1)
      .max(1_000_000_000)
      .optional()
      .describe(
        'Of a limit of bytes: what is taken at once of a body whose length is not known, and of each response; what is not used is given back. At least 4,096, or `limit` if that is less. Default: 65,536, or `limit` if that is less.',
      ),
    burst: z
      .int()
      .min(1)
      .max(1_000_000_000_000)
      .optional()
      .describe(
        'Kind "rate" only: requests that may come at once after a pause. Default: `limit`. `burst` × `windowMs` is at most 9,000,000,000,000.',
      ),
    per: z
      .enum(['consumer', 'client-ip'])
      .optional()
      .describe(
        'Each one has a counter of its own: "consumer" is the API key or the consumer of a JWT, or the client address of a request without either; "client-ip" the client address, of IPv6 its /64. Default: all requests of the level share one. `windowMs` is then at most a day.',
      ),
    shadow: z
      .boolean()
      .optional()
      .describe(
        'true: only counts and reports what it would refuse, and refuses nothing. Of limits that count requests, other than "concurrency".',
      ),
    headroom: Headroom.optional(),
    onStoreLoss: z
      .enum(['share', 'closed', 'open'])
      .default('share')
      .describe(
        'While Redis is lost: "share" lets each edge enforce its part, "closed" answers 503, "open" admits.',
      ),
  })
  .superRefine((limit, context) => {
    const fields: readonly (keyof typeof limit)[] = [
      ...(['windowMs', 'period', 'burst', 'unit', 'reserveBytes', 'shadow'] as const),
    ];
    for (const path of fields) {
      const message = faultOfField(path, limit);
      if (message === null) continue;
      context.addIssue({ code: 'custom', path: [path], message, input: limit[path] });
    }
  })
  .superRefine(({ kind, limit, windowMs, burst }, context) => {
    if (kind !== 'rate' || windowMs === undefined) return;
    const addFault = (message: string): void =>
      context.addIssue({ code: 'custom', path: ['burst'], message, input: burst });
    const units = burst ?? limit;
    const unitsMin = Math.ceil(limit / (windowMs * 1000));
    if (units < unitsMin)
      addFault(`must be at least ${unitsMin}: what comes back in a microsecond`);
    if (units * windowMs > RATE_SPAN_MAX) {
      const most = Math.floor(RATE_SPAN_MAX / windowMs);
      addFault(
        `must be at most ${most} with a windowMs of ${windowMs}; use a shorter windowMs for a larger burst`,
      );
    } else if (units * windowMs > limit * WINDOW_MS_MAX) {
      addFault('must come back within 31 days: lower it, or raise limit');
    }
  })
  .describe('A limit on requests, or on the bytes of their bodies.');
export type Limit = z.infer<typeof Limit>;

interface ShapeFields {
  readonly kind: string;
  readonly limit: number;
  readonly unit?: string | undefined;
  readonly reserveBytes?: number | undefined;
  readonly windowMs?: number | undefined;
  readonly period?: string | undefined;
  readonly burst?: number | undefined;
  readonly per?: string | undefined;
  readonly shadow?: boolean | undefined;
}

/** What is wrong with a field for this kind of limit; null if it fits. */
function faultOfField(field: string, limit: ShapeFields): string | null {
  const { kind, windowMs, period, burst, per } = limit;
  if (field === 'burst') {
    const isForeign = burst !== undefined && kind !== 'rate';
    return isForeign ? 'only a limit of kind "rate" has a burst' : null;
  }
  if (field === 'period') {
    if (kind !== 'quota') {
      return period === undefined ? null : 'only a limit of kind "quota" has a period';
    }
    if (period === undefined) return 'a limit of kind "quota" needs a period';
    const isLong = period === 'week' || period === 'month';
    return isLong && per !== undefined ? `must be "hour" or "day" for a limit per ${per}` : null;
  }
  if (field === 'unit' || field === 'reserveBytes') return faultOfUnit(field, limit);
  if (field === 'shadow') return faultOfShadow(limit);
  const needsWindow = kind === 'window' || kind === 'rate';
  if (windowMs === undefined) {
    return needsWindow ? `a limit of kind "${kind}" needs a windowMs` : null;
  }
  if (!needsWindow) return `a limit of kind "${kind}" has no windowMs: leave it out`;
  if (per === undefined || windowMs <= CONSUMER_WINDOW_MS_MAX) return null;
  return `must be at most ${CONSUMER_WINDOW_MS_MAX}, a day, for a limit per ${per}`;
}

/** Slots and bytes are given back when a request ends, which takes an admission that counts. */
function faultOfShadow({ kind, unit = 'requests', shadow }: ShapeFields): string | null {
  if (shadow !== true || (kind !== 'concurrency' && unit === 'requests')) return null;
  const what = kind === 'concurrency' ? 'of kind "concurrency"' : 'of bytes';
  return `a limit ${what} cannot be in shadow: leave it out`;
}

function faultOfUnit(field: 'unit' | 'reserveBytes', limit: ShapeFields): string | null {
  const { kind, unit = 'requests', reserveBytes } = limit;
  if (unit === 'requests') {
    const isForeign = field === 'reserveBytes' && reserveBytes !== undefined;
    return isForeign ? 'only a limit of bytes has it: set unit, or leave it out' : null;
  }
  if (field === 'unit') {
    const counts = kind === 'window' || kind === 'quota';
    return counts ? null : `a limit of kind "${kind}" counts requests`;
  }
  if (reserveBytes === undefined) return null;
  if (reserveBytes > limit.limit) return `must be at most the limit, ${limit.limit}`;
  const least = Math.min(RESERVE_BYTES_MIN, limit.limit);
  return reserveBytes < least ? `must be at least ${least}` : null;
}

/** Limits with unique names. */
export const LimitList = z
  .array(Limit)
  .max(8)
  .default([])
  .superRefine((limits, context) => {
    const seen = new Set<string>();
    limits.forEach((limit, index) => {
      if (seen.has(limit.name)) {
        context.addIssue({
          code: 'custom',
          path: [index, 'name'],
          message: `another limit of this list is named "${limit.name}"; names must be unique`,
          input: limit.name,
        });
      }
      seen.add(limit.name);
    });
  });

/** The limits of `base`, each replaced by the override of the same name, and the overrides with new names. */
export function overrideLimits(base: readonly Limit[], overrides: readonly Limit[]): Limit[] {
  const byName = new Map(base.map((limit) => [limit.name, limit]));
  for (const limit of overrides) byName.set(limit.name, limit);
  return [...byName.values()];
}
