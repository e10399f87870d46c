import {
  Bundle,
  PLATFORM_PLAN_ID,
  poolPlanIds,
  type PlanSpec,
  type TenantSpec,
} from '@headgate/model';
import { z } from 'zod';
import { readBundle } from '../apply/read-bundle.ts';
import { inScope, type Session } from '../access/session.ts';
import { defineOperation, type Operation } from '../http/operation.ts';
import { queryInteger } from '../http/query-integer.ts';
import type { DemandHistory } from '../limits/demand-history.ts';
import {
  judgePool,
  judgeTenant,
  listNotJudged,
  PoolDemand,
  type TenantCase,
  type Throttled,
} from '../limits/what-if.ts';
import type { SessionStore } from '../store/session-store.ts';
import type { Store } from '../store/store.ts';
import { BUNDLE_BYTES_MAX } from './apply.ts';
import { pagesOf } from './resource-pages.ts';

/** What the operation works with. */
export interface WhatIfContext {
  readonly store: Store;
  readonly history: Pick<DemandHistory, 'minutesOf' | 'span'>;
}

const ITEMS_MAX = 500;

const time = (what: string) => z.iso.datetime().describe(what);

const WhatIfReply = z.object({
  from: time('Demand is known from here on …').nullable(),
  until: time('… to here; null if no edge has told of any yet.').nullable(),
  resolutionMs: z.number().describe('Of the record: totals of so long, and their busiest second.'),
  tenants: z.number().describe('Tenants that the bundle is about, as far as the token sees them.'),
  withDemand: z.number().describe('… of which requests are recorded.'),
  items: z
    .array(
      z.object({
        tenantId: z.string().describe('Empty for a pool.'),
        level: z.enum(['tenant', 'pool', 'platform']),
        scope: z.string().describe('Of a pool its plan and entity, else empty.'),
        name: z.string(),
        kind: z.string(),
        refusedMin: z
          .number()
          .describe('Units that it would have refused, at least, had it been alone.'),
        refusedNowMin: z.number().describe('The same of the limit of this name as it is now.'),
        demand: z.number().describe('Units that were asked for in all.'),
        minutes: z.number().describe('Minutes in which it would have refused something.'),
        first: time('The first of them.'),
        last: time('The last.'),
        worst: time('The one with the most refusals.'),
        worstMin: z.number().describe('Units refused in that one, at least.'),
      }),
    )
    .describe('Most refused first.'),
  notJudged: z.array(z.object({ planId: z.string(), name: z.string(), why: z.string() })),
});
type WhatIfReply = z.infer<typeof WhatIfReply>;

const EXAMPLE: WhatIfReply = {
  ...{ from: '2026-03-02T08:00:00.000Z', until: '2026-03-02T14:30:00.000Z' },
  ...{ resolutionMs: 60_000, tenants: 2, withDemand: 2 },
  items: [
    {
      ...{ tenantId: 'acme', level: 'tenant', scope: '', name: 'second', kind: 'window' },
      ...{ refusedMin: 1270, refusedNowMin: 0, demand: 90_400, minutes: 3 },
      ...{ first: '2026-03-02T09:12:00.000Z', last: '2026-03-02T11:40:00.000Z' },
      ...{ worst: '2026-03-02T09:12:00.000Z', worstMin: 900 },
    },
  ],
  notJudged: [],
};

/** `POST /v1/limits/what-if`: who would have been refused under proposed plans. */
export function whatIfOperation({ store, history }: WhatIfContext): Operation {
  return defineOperation(
    {
      method: 'POST',
      path: '/v1/limits/what-if',
      operationId: 'replayLimits',
      summary: 'Replay recorded demand against proposed limits',
      description:
        'For the tenants on plans of the bundle, and those in it: which limits would have refused what they asked for in the last hours, and how much of it at least. Each limit and each pool is judged by itself, as if no other one refused anything. Each minute is known by its total and its busiest second, as this replica heard it since its start; what was refused then counts as asked for, repetitions too. Pools are judged for tokens that see all tenants.',
      tag: 'limits',
      permission: 'tenant.read',
      isRead: true,
      params: z.strictObject({}),
      query: z.strictObject({
        limit: queryInteger(1, ITEMS_MAX).default(50).describe('Most items to return.'),
      }),
      body: Bundle,
      bodyExample: {
        apiVersion: 'headgate/v1',
        plans: { gold: { limits: [{ name: 'second', limit: 50, windowMs: 1000 }] } },
      },
      readBody: readBundle,
      bodyBytesMax: BUNDLE_BYTES_MAX,
      responses: {
        200: { description: 'What would have been.', schema: WhatIfReply, example: EXAMPLE },
      },
      errors: [],
    },
    async ({ body, query: { limit }, session }) => {
      const judged = await judgeAll(body, store.as(session), session, history);
      const span = history.span?.map((ms) => new Date(ms).toISOString());
      return {
        status: 200,
        body: {
          from: span?.[0] ?? null,
          until: span?.[1] ?? null,
          resolutionMs: 60_000,
          tenants: judged.tenants,
          withDemand: judged.withDemand,
          items: judged.items
            .sort((a, b) => b.refused.cost - a.refused.cost)
            .slice(0, limit)
            .map(itemOf),
          notJudged: Object.entries<PlanSpec>(body.plans).flatMap(([id, plan]) =>
            listNotJudged(id, plan),
          ),
        },
      };
    },
  );
}

interface Judged {
  tenants: number;
  withDemand: number;
  readonly items: Throttled[];
}

async function judgeAll(
  bundle: Bundle,
  store: SessionStore,
  { scope }: Session,
  history: WhatIfContext['history'],
): Promise<Judged> {
  const plans = new Plans(bundle, store);
  const judged: Judged = { tenants: 0, withDemand: 0, items: [] };
  const pools = scope === 'all' ? poolsOf(plans.proposed) : new Map<string, PoolDemand>();
  const tenantSpecs = new Map<string, TenantSpec>(Object.entries(bundle.tenants));
  for await (const tenants of pagesOf(store, 'tenant')) {
    for (const tenant of tenants) {
      if (!inScope(scope, tenant.id)) continue;
      const next = tenantSpecs.get(tenant.id) ?? tenant.spec;
      const isNamed = tenantSpecs.has(tenant.id) || plans.proposed.has(next.planId);
      if (!isNamed && !pools.has(PLATFORM_PLAN_ID)) continue;
      const minutes = history.minutesOf(tenant.id, tenant.createdAt.getTime());
      const now = { ...tenant.spec, plan: await plans.stored(tenant.spec.planId) };
      const then = { ...next, plan: await plans.next(next.planId) };
      const one: TenantCase = { id: tenant.id, minutes, now, proposed: then };
      for (const planId of poolPlanIds(next.planId)) pools.get(planId)?.add(one);
      if (!isNamed) continue;
      judged.tenants += 1;
      if (minutes.length > 0) judged.withDemand += 1;
      judged.items.push(...judgeTenant(one));
    }
  }
  for (const [id, demanded] of pools) {
    judged.items.push(...judgePool(id, demanded, await plans.stored(id)));
  }
  return judged;
}

function poolsOf(plans: ReadonlyMap<string, PlanSpec>): Map<string, PoolDemand> {
  const pools = new Map<string, PoolDemand>();
  for (const [id, { pool }] of plans) if (pool !== undefined) pools.set(id, new PoolDemand(pool));
  return pools;
}

/** Plans as they are and as they would be; each is read once. */
class Plans {
  readonly proposed: ReadonlyMap<string, PlanSpec>;
  readonly #store: SessionStore;
  readonly #stored = new Map<string, PlanSpec | null>();

  constructor({ plans }: Bundle, store: SessionStore) {
    this.proposed = new Map(Object.entries<PlanSpec>(plans));
    this.#store = store;
  }

  async stored(id: string): Promise<PlanSpec | null> {
    const known = this.#stored.get(id);
    if (known !== undefined) return known;
    const plan = (await this.#store.get('plan', null, id))?.spec ?? null;
    this.#stored.set(id, plan);
    return plan;
  }

  async next(id: string): Promise<PlanSpec | null> {
    return this.proposed.get(id) ?? this.stored(id);
  }
}

function itemOf(throttled: Throttled): WhatIfReply['items'][number] {
  const { tenantId, level, scope, limit, refused, refusedNow, demand } = throttled;
  const iso = (ms: number): string => new Date(ms).toISOString();
  return {
    ...{ tenantId, level, scope, name: limit.name, kind: limit.kind },
    ...{ refusedMin: refused.cost, refusedNowMin: refusedNow, demand, minutes: refused.minutes },
    ...{ first: iso(refused.firstMs), last: iso(refused.lastMs) },
    ...{ worst: iso(refused.worstMs), worstMin: refused.worstCost },
  };
}
