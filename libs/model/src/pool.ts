import { hash } from 'node:crypto';
import { z } from 'zod';
import { Limit } from './limit.ts';

/**
 * The plan whose pool is the platform's: requests of all tenants pass it, whatever plan they are on. It is a plan like any
 * other but for that; nobody has to be on it.
 */
export const PLATFORM_PLAN_ID = 'platform';

/** Shortest window of a pool in ms: shorter ones could not be leased well. */
const WINDOW_MS_MIN = 1000;

/** Longest, 31 days in ms. */
const WINDOW_MS_MAX = 31 * 24 * 3600 * 1000;

/** A limit that tenants share: never more than `limit` in any `windowMs`, over all edges and tenants of an entity. */
export const PoolLimit = z
  .strictObject({
    name: Limit.shape.name.describe('Name of the limit; clients are never shown it.'),
    limit: Limit.shape.limit.describe('Requests of all tenants together per window, at least 1.'),
    windowMs: z.int().min(WINDOW_MS_MIN).max(WINDOW_MS_MAX).describe('Length of the window in ms.'),
    onStoreLoss: Limit.shape.onStoreLoss,
  })
  .describe('A limit of kind "window" that tenants share.');
export type PoolLimit = z.infer<typeof PoolLimit>;

/** Limits that the tenants of a plan share, beside their own. */
export const PlanPool = z
  .strictObject({
    limits: z
      .array(PoolLimit)
      .min(1)
      .max(8)
      .superRefine((limits, context) => {
        limits.forEach(({ name }, index) => {
          if (limits.findIndex((other) => other.name === name) === index) return;
          const message = `another limit of this pool is named "${name}"; names must be unique`;
          context.addIssue({ code: 'custom', path: [index, 'name'], message, input: name });
        });
      })
      .describe('Each entity has an allowance of its own of each of these.'),
    entities: z
      .int()
      .min(1)
      .max(1024)
      .default(1)
      .describe(
        'Tenants are spread by a hash of their id over so many entities. One that uses up its entity’s allowance stops the tenants of that entity only.',
      ),
  })
  .describe(
    'Limits that the tenants of the plan share, beside their own; of the plan "platform": all tenants of all plans.',
  );
export type PlanPool = z.infer<typeof PlanPool>;

/** A number of 32 bits by which a tenant's entities are found. */
export function poolSpread(tenantId: string): number {
  return Number.parseInt(hash('sha256', tenantId).slice(0, 8), 16); // a Buffer costs more than the hash itself
}

/** The plans whose pools a tenant on this plan passes, if they have one: its own and the platform's. */
export function poolPlanIds(planId: string): readonly string[] {
  return planId === PLATFORM_PLAN_ID ? [planId] : [planId, PLATFORM_PLAN_ID];
}

/** Where the limits of an entity of a plan's pool count: their level, and their scope within it. */
export function poolPlace(
  planId: string,
  entity: number,
): { readonly level: 'pool' | 'platform'; readonly scope: string } {
  if (planId === PLATFORM_PLAN_ID) return { level: 'platform', scope: String(entity) };
  return { level: 'pool', scope: `${planId}.${entity}` };
}

/** Which entity of a pool a tenant belongs to, from 0 on. @hot */
export function poolEntity(spread: number, entities: number): number {
  return spread % entities;
}
