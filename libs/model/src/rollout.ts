import { z } from 'zod';
import { TenantBundle } from './bundle.ts';
import { RINGS_MAX } from './document.ts';
import { Ring } from './primitives.ts';

const WEEK_MS = 604_800_000;
const share = z.number().min(0).max(1);

/** A ring on the way of a rollout. */
export const RolloutRing = z.strictObject({
  name: Ring,
  soakMs: z
    .int()
    .min(1000)
    .max(WEEK_MS)
    .default(600_000)
    .describe('How long in ms the candidate serves in this ring before it may go on by itself.'),
});
export type RolloutRing = z.infer<typeof RolloutRing>;

/**
 * When a candidate goes back by itself. Requests that edges serve with it are compared with those of the same tenant that
 * other edges have served without it since the rollout began. A rise counts only if chance does not explain it.
 */
export const RolloutGuard = z.strictObject({
  requestsMin: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(50)
    .describe('Least requests with the candidate before it is judged, or goes on by itself.'),
  errorRise: share
    .default(0.05)
    .describe('Largest rise of the share of replies with 5xx, such as 0.05 from 1 % to 6 %.'),
  clientErrorRise: share.default(0.2).describe('Largest rise of the share of replies with 4xx.'),
  latencyFactor: z
    .number()
    .min(1)
    .max(1000)
    .default(3)
    .describe('The 95th percentile of the duration may be so many times that of other edges.'),
});
export type RolloutGuard = z.infer<typeof RolloutGuard>;

/** How a candidate reaches the edges. */
export const RolloutPlan = z.strictObject({
  rings: z
    .array(RolloutRing)
    .min(1)
    .max(RINGS_MAX)
    .refine((rings) => new Set(rings.map(({ name }) => name)).size === rings.length, {
      error: 'must name each ring once',
    })
    .describe('Rings in the order in which they get it; after the last one all edges do.'),
  promote: z
    .enum(['auto', 'manual'])
    .default('manual')
    .describe('`auto`: goes on after the soak if the guard finds nothing; `manual`: on request.'),
  guard: RolloutGuard.prefault({}),
});
export type RolloutPlan = z.infer<typeof RolloutPlan>;

/** A rollout as it is started. */
export const RolloutSpec = RolloutPlan.extend({
  candidate: TenantBundle.describe(
    'What the tenant is to become, as in a bundle: other upstreams and routes are deleted, other API keys stay.',
  ),
}).describe('A change of one tenant that reaches some edges first.');
export type RolloutSpec = z.infer<typeof RolloutSpec>;
