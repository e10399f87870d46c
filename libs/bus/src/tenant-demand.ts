import { z } from 'zod';
import type { Bus, SendOutcome, Subscription } from './bus.ts';
import { hearMessages } from './hear-messages.ts';
import { encodeMessage } from './parse-message.ts';
import { subjects } from './subjects.ts';

/** Seconds that a report covers. */
export const DEMAND_SECONDS = 5;

/** Most tenants in one report; with long ids some 350 KB. */
export const DEMAND_TENANTS_MAX = 4096;

const Count = z.int().min(0);

/** What the tenants of an edge asked for, admitted or not, in whole seconds by the edge's clock. */
export const TenantDemandReport = z.object({
  v: z.literal(1),
  edgeId: z.string().max(128),
  /** The first second since the epoch; a multiple of {@link DEMAND_SECONDS}. */
  fromSecond: Count.multipleOf(DEMAND_SECONDS),
  entries: z
    .array(
      z.object({
        tenantId: z.string().max(63),
        /** Units of cost, by second. */
        costs: z.array(Count).length(DEMAND_SECONDS),
      }),
    )
    .max(DEMAND_TENANTS_MAX),
});
export type TenantDemandReport = z.infer<typeof TenantDemandReport>;

/** Tells whoever listens; nothing is kept for later. */
export function publishTenantDemand(bus: Bus, report: TenantDemandReport): SendOutcome {
  return bus.publish(subjects.tenantDemand, encodeMessage(report));
}

/** Hears the reports of all edges; malformed ones are dropped. */
export function subscribeTenantDemand(
  bus: Bus,
  onReport: (report: TenantDemandReport) => void,
): Subscription {
  return hearMessages(bus, subjects.tenantDemand, TenantDemandReport, onReport);
}
