import { setImmediate } from 'node:timers/promises';
import { PLATFORM_PLAN_ID, PlanId, poolPlanIds, type PlanSpec } from '@headgate/model';
import { z } from 'zod';
import { defineOperation, NOTHING, type Operation } from '../http/operation.ts';
import { problem } from '../http/problems.ts';
import { queryInteger } from '../http/query-integer.ts';
import { PoolPlaces } from '../limits/pool-places.ts';
import type { SessionStore } from '../store/session-store.ts';
import type { LimitsContext } from './limits.ts';
import { poolReply, PoolReply, toldByPlace } from './pool-reply.ts';
import { pagesOf } from './resource-pages.ts';

/** Pools in a reply, by the ids of their plans. */
const POOLS_MAX = 100;

/** Most entities that a pool has, and so places that are asked for of each. */
const PLACES_MAX = 1024;

/** Places in a reply, of all pools together: with eight limits each some 5 MB. */
const PLACES_SUM_MAX = 2000;

const PoolsReply = z.object({
  items: z.array(PoolReply).describe('In the order of the ids of their plans.'),
  truncated: z
    .boolean()
    .describe(
      `There are more than ${POOLS_MAX} pools: the first are listed, that of the platform among them; ask for any other by its planId.`,
    ),
});

const EXAMPLE_RADIUS = { tenants: 11, ofPool: 11 / 79, ofAll: 0.055 };
const EXAMPLE: PoolReply = {
  ...{ planId: 'gold', entities: 8, tenants: 80, blastRadius: EXAMPLE_RADIUS },
  places: [
    {
      ...{ entity: 3, tenants: 12, blastRadius: EXAMPLE_RADIUS },
      limits: [
        {
          ...{ tenantId: '', level: 'pool', scope: 'gold.3', consumer: null, name: 'gold-second' },
          ...{ kind: 'window', unit: 'requests', shadow: false, limit: 2000 },
          ...{ used: 1940, remaining: 60 },
          ...{ resetMs: 20, admittedPerSecond: 1902.4, deniedPerSecond: 0, ageMs: 640 },
          stuck: false,
        },
      ],
    },
  ],
};

/** `GET /v1/limits/pools`: whom a tenant stops that drains its place of a pool, and how full the places are. */
export function poolsOperation({ store, watch }: LimitsContext): Operation {
  return defineOperation(
    {
      method: 'GET',
      path: '/v1/limits/pools',
      operationId: 'listPools',
      summary: 'Pools of plans: who shares a place, and how full it is',
      description: `Each place (entity) of a pool has an allowance of its own: how many tenants share it, which part of all tenants one of them can stop, and what of it is used. For tokens that see all tenants; others get no pools. At most ${POOLS_MAX} pools, always with that of the platform, and ${PLACES_SUM_MAX} places of all of them together: more are refused.`,
      tag: 'limits',
      permission: 'pools.read',
      params: NOTHING,
      query: z.strictObject({
        planId: PlanId.optional().describe('Only the pool of this plan.'),
        places: queryInteger(0, PLACES_MAX).default(16).describe('Most places of each pool.'),
      }),
      body: null,
      responses: {
        200: {
          description: 'The pools.',
          schema: PoolsReply,
          example: { items: [EXAMPLE], truncated: false },
        },
      },
      errors: [],
    },
    async ({ session, query: { planId, places } }) => {
      if (session.scope !== 'all') return { status: 200, body: { items: [], truncated: false } };
      const own = store.as(session);
      const { pools, truncated } = await readPools(own, planId);
      const wanted = pools.reduce((sum, { pool }) => sum + Math.min(places, pool.entities), 0);
      if (wanted > PLACES_SUM_MAX) {
        const most = Math.floor(PLACES_SUM_MAX / pools.length);
        const rule = `these are ${wanted} places of ${pools.length} pools, and a reply has at most ${PLACES_SUM_MAX}: name a pool with planId, or ask for at most ${most} of each`;
        return problem('HG_API_INVALID', {
          errors: [{ path: 'query.places', value: places, rule }],
        });
      }
      const tenants = await countTenants(own, pools);
      const told = toldByPlace(watch);
      const items: PoolReply[] = [];
      for (const pool of pools) {
        items.push(poolReply(pool, { tenants, places, told }));
        await setImmediate(); // others get their turn
      }
      return { status: 200, body: { items, truncated } };
    },
  );
}

/** The pool of the plan, else the first ones by the ids of their plans and that of the platform. */
async function readPools(store: SessionStore, planId: string | undefined) {
  const pools = new Map<string, PoolPlaces>();
  let truncated = false;
  const add = ({ id, spec }: { readonly id: string; readonly spec: PlanSpec }): void => {
    if (spec.pool === undefined || pools.has(id)) return;
    if (pools.size >= POOLS_MAX) truncated = true;
    else pools.set(id, new PoolPlaces(id, spec.pool));
  };
  const named = await store.get('plan', null, planId ?? PLATFORM_PLAN_ID);
  if (named !== null) add({ id: planId ?? PLATFORM_PLAN_ID, spec: named.spec });
  if (planId === undefined) {
    for await (const plans of pagesOf(store, 'plan')) {
      plans.forEach(add);
      if (truncated) break;
    }
  }
  const sorted = [...pools.values()].sort((a, b) => (a.planId < b.planId ? -1 : 1));
  return { pools: sorted, truncated };
}

/** Adds the tenants to their pools; returns how many there are in all. */
async function countTenants(store: SessionStore, pools: readonly PoolPlaces[]): Promise<number> {
  const byPlan = new Map(pools.map((pool) => [pool.planId, pool]));
  let tenants = 0;
  if (byPlan.size === 0) return tenants;
  for await (const page of pagesOf(store, 'tenant')) {
    for (const { id, spec } of page) {
      if (spec.status === 'suspended') continue;
      tenants += 1;
      for (const planId of poolPlanIds(spec.planId)) byPlan.get(planId)?.add(id);
    }
  }
  return tenants;
}
