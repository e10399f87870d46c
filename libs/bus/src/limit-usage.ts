import { LimitKind, LimitUnit } from '@headgate/model';
import { z } from 'zod';
import type { Bus, SendOutcome, Subscription } from './bus.ts';
import { hearMessages } from './hear-messages.ts';
import { encodeMessage } from './parse-message.ts';
import { subjects } from './subjects.ts';

/** Most limits in one report; with long ids some 100 KB. */
export const USAGE_ENTRIES_MAX = 256;

const Count = z.number().min(0).max(Number.MAX_SAFE_INTEGER);

/** What an edge saw of one limit since its last report. */
export const LimitUsage = z.object({
  /** '' for a pool. */
  tenantId: z.string().max(63),
  level: z.enum(['tenant', 'key', 'route', 'pool', 'platform']),
  /** Id of the API key or route; '' at tenant level; `<plan>.<entity>` of a pool, `<entity>` of the platform's. */
  scope: z.string().max(68),
  /** Whose counter it is, of a limit that has one for each consumer. */
  consumer: z.string().max(128).nullable(),
  name: z.string().max(64),
  kind: LimitKind,
  /** What its numbers count. An edge of a version without this field does not say it: then requests are assumed. */
  unit: LimitUnit.default('requests'),
  /** It refuses nothing: `denied` is what it would have refused. An edge of a version without shadows does not say it. */
  shadow: z.boolean().default(false),
  limit: Count,
  /** Units that fit at once: the burst of a rate, else the limit. */
  capacity: Count,
  /** Length of a window or rate; of a quota about that of its period; 0 for slots. In ms. */
  spanMs: Count,
  /** Units that the edge admitted; of bytes less those that were given back, which may be of an earlier report. */
  admitted: z.number().min(-Number.MAX_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER),
  /** … of these without the store. */
  alone: Count,
  /** Requests that this limit refused, or in shadow would have. */
  denied: Count,
  /** Units left over all edges, as last heard; null if nothing was heard. */
  remaining: Count.nullable(),
  /** ms from the report on until units come back; 0 if none are used, or for slots. */
  resetMs: Count,
});
export type LimitUsage = z.infer<typeof LimitUsage>;

/** The limits of an edge that matter most, once a second. */
export const LimitUsageReport = z.object({
  v: z.literal(1),
  edgeId: z.string().max(128),
  /** The edge's clock, ms since the epoch. */
  atMs: Count,
  entries: z.array(LimitUsage).max(USAGE_ENTRIES_MAX),
});
export type LimitUsageReport = z.infer<typeof LimitUsageReport>;

/** Tells whoever listens; nothing is kept for later. */
export function publishLimitUsage(bus: Bus, report: LimitUsageReport): SendOutcome {
  return bus.publish(subjects.limitUsage, encodeMessage(report));
}

/** Hears the reports of all edges; malformed ones are dropped. */
export function subscribeLimitUsage(
  bus: Bus,
  onReport: (report: LimitUsageReport) => void,
): Subscription {
  return hearMessages(bus, subjects.limitUsage, LimitUsageReport, onReport);
}
