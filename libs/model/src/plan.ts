import { z } from 'zod';
import { LimitList } from './limit.ts';
import { PlanPool } from './pool.ts';
import { DisplayName, PlanId } from './primitives.ts';

/** What an operator writes for a plan. */
export const PlanSpec = z
  .strictObject({
    name: DisplayName.optional(),
    limits: LimitList.describe('Limits of each tenant on this plan (not shared between tenants).'),
    keyLimits: LimitList.describe('Limits of each API key of tenants on this plan.'),
    pool: PlanPool.optional(),
  })
  .describe('A tier: the limits that its tenants get unless they override them.');
export type PlanSpec = z.infer<typeof PlanSpec>;

export const Plan = PlanSpec.extend({ id: PlanId });
export type Plan = z.infer<typeof Plan>;
