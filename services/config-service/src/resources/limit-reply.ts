import type { LimitUsage } from '@headgate/bus';
import { PERIOD_MS } from '@headgate/limiting';
import { LimitKind, LimitUnit, type Limit, type PoolLimit, type poolPlace } from '@headgate/model';
import { z } from 'zod';
import { STALE_MS, type LimitState } from '../limits/limit-watch.ts';

const nothing = 'null while edges have not told of it lately';

/** One limit and how full it is. */
export const LimitReply = z.object({
  tenantId: z.string().describe('Empty for the limits of a pool.'),
  level: z.enum(['tenant', 'key', 'route', 'pool', 'platform']),
  scope: z
    .string()
    .describe(
      'Id of the API key or route; empty at the level of the tenant; of a pool its plan and entity, as in `gold.3`, of the platform’s its entity.',
    ),
  consumer: z
    .string()
    .nullable()
    .describe('Of a limit per consumer: `k` and the id of a key, or `a` and an address.'),
  name: z.string(),
  kind: LimitKind,
  unit: LimitUnit.describe('What its numbers count: requests by their cost, or bytes of bodies.'),
  shadow: z
    .boolean()
    .describe('It refuses nothing: `deniedPerSecond` is what it would have refused.'),
  limit: z.number(),
  used: z.number().nullable().describe(`Units used over all edges; ${nothing}.`),
  remaining: z.number().nullable().describe(`Units left; ${nothing}.`),
  resetMs: z.number().describe('Until units come back, ms; 0 if none are used, or for slots.'),
  admittedPerSecond: z.number().describe('Units, mean of five seconds.'),
  deniedPerSecond: z.number().describe('Requests, mean of five seconds.'),
  ageMs: z.number().nullable().describe('Since an edge told of it; null if none has.'),
  stuck: z.boolean().describe('It admits, and yet nothing of it is ever used.'),
});
export type LimitReply = z.infer<typeof LimitReply>;

/** A limit as it is configured. */
export interface PlacedLimit {
  readonly tenantId: string;
  readonly level: LimitReply['level'];
  readonly scope: string;
  readonly limit: Pick<
    Limit,
    'name' | 'kind' | 'unit' | 'shadow' | 'limit' | 'burst' | 'windowMs' | 'period' | 'per'
  >;
}

/** One of a pool's, at one of its entities. */
export function poolLimit(
  place: ReturnType<typeof poolPlace>,
  { name, limit, windowMs }: PoolLimit,
): PlacedLimit {
  return { tenantId: '', ...place, limit: { name, kind: 'window', limit, windowMs } };
}

/**
 * Tells limits of a tenant apart: equal to {@link toldKey} of what edges tell of the limit as it is configured now, and not of what
 * they told while it counted something else, or in another time. The same for all consumers of it.
 */
export function configuredKey({ level, scope, limit }: PlacedLimit): string {
  const { name, kind, unit = 'requests', windowMs = 0, period, per } = limit;
  const spanMs = period === undefined ? windowMs : PERIOD_MS[period];
  return JSON.stringify([level, scope, name, kind, unit, spanMs, per !== undefined]);
}

/** The {@link configuredKey} of the limit that an edge tells of. */
export function toldKey(usage: LimitUsage): string {
  const { level, scope, name, kind, unit, spanMs, consumer } = usage;
  return JSON.stringify([level, scope, name, kind, unit, spanMs, consumer !== null]);
}

/** As edges told of it. */
export function replyOf(state: LimitState): LimitReply {
  const { tenantId, level, scope, consumer, name, kind, unit, shadow, limit } = state.usage;
  const { used, remaining, resetMs, admittedPerSecond, deniedPerSecond, ageMs, isStuck } = state;
  return {
    ...{ tenantId, level, scope, consumer, name, kind, unit, shadow, limit },
    ...{ used, remaining, resetMs, admittedPerSecond, deniedPerSecond, ageMs, stuck: isStuck },
  };
}

/**
 * As edges told of it, or, if they have not for so long that they must have its present size, as that makes it.
 *
 * @param configured the limit as it is now; null if that is not known.
 */
export function explainedReply(state: LimitState, configured: PlacedLimit | null): LimitReply {
  const told = replyOf(state);
  if (configured === null || state.ageMs <= STALE_MS) return told;
  const { kind, limit, burst = limit, shadow = false } = configured.limit;
  const capacity = kind === 'rate' ? burst : limit;
  const remaining = told.used === null ? null : Math.max(0, capacity - told.used);
  return { ...told, limit, remaining, shadow };
}

/** Nobody has told of it: it is not in use, or has not been for a while. */
export function idleReply({
  tenantId,
  level,
  scope,
  limit: { name, kind, unit = 'requests', shadow = false, limit },
}: PlacedLimit): LimitReply {
  return {
    ...{ tenantId, level, scope, consumer: null, name, kind, unit, shadow, limit },
    ...{
      used: null,
      remaining: null,
      resetMs: 0,
      admittedPerSecond: 0,
      deniedPerSecond: 0,
      ageMs: null,
      stuck: false,
    },
  };
}
