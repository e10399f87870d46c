import {
  overrideLimits,
  PLATFORM_PLAN_ID,
  poolEntity,
  poolPlace,
  poolPlanIds,
  poolSpread,
  TenantId,
  type Limit,
  type PlanSpec,
} from '@headgate/model';
import { z } from 'zod';
import { inScope } from '../access/session.ts';
import { defineOperation, NOTHING, type Operation } from '../http/operation.ts';
import { problem } from '../http/problems.ts';
import { queryInteger } from '../http/query-integer.ts';
import type { LimitState, LimitWatch } from '../limits/limit-watch.ts';
import type { SessionStore } from '../store/session-store.ts';
import type { Store } from '../store/store.ts';
import {
  configuredKey,
  explainedReply,
  idleReply,
  LimitReply,
  poolLimit,
  replyOf,
  toldKey,
  type PlacedLimit,
} from './limit-reply.ts';
import { poolsOperation } from './pools.ts';

/** What the operations on limits work with. */
export interface LimitsContext {
  readonly store: Store;
  readonly watch: LimitWatch;
}

/** Routes of a tenant whose limits are listed. */
const ROUTES_MAX = 1000;

/** API keys of a tenant whose limits are read, to see which of those that edges told of are theirs still. */
const KEYS_MAX = 1000;

/** Limits in a reply. */
const ITEMS_MAX = 500;

const LimitsReply = z.object({ items: z.array(LimitReply) });

const EXAMPLE: LimitReply = {
  ...{ tenantId: 'acme', level: 'tenant', scope: '', consumer: null, name: 'second' },
  ...{
    kind: 'window',
    unit: 'requests',
    shadow: false,
    limit: 100,
    used: 97,
    remaining: 3,
    resetMs: 20,
  },
  ...{ admittedPerSecond: 96.4, deniedPerSecond: 12.2, ageMs: 640, stuck: false },
};

/** Operations that tell how full limits are. */
export function limitOperations(context: LimitsContext): Operation[] {
  return [defineTop(context), defineExplain(context), poolsOperation(context)];
}

function defineTop({ watch }: LimitsContext): Operation {
  return defineOperation(
    {
      method: 'GET',
      path: '/v1/limits',
      operationId: 'listBusyLimits',
      summary: 'Limits that are nearly used up, or refuse requests',
      description:
        'What edges reported in the last ten seconds, as this replica heard it: the 256 limits of each edge that matter most. The most refused come first, then the fullest.',
      tag: 'limits',
      permission: 'shared.read',
      params: NOTHING,
      query: z.strictObject({
        nearPercent: queryInteger(0, 100)
          .default(80)
          .describe('Used from this part of the limit on.'),
        limit: queryInteger(1, ITEMS_MAX).default(50).describe('Most limits to return.'),
      }),
      body: null,
      responses: {
        200: { description: 'The limits.', schema: LimitsReply, example: { items: [EXAMPLE] } },
      },
      errors: [],
    },
    async ({ session: { scope }, query: { nearPercent, limit } }) => {
      const states = watch.top(nearPercent / 100, (tenantId) => inScope(scope, tenantId));
      return { status: 200, body: { items: states.slice(0, limit).map(replyOf) } };
    },
  );
}

function defineExplain({ store, watch }: LimitsContext): Operation {
  return defineOperation(
    {
      method: 'GET',
      path: '/v1/tenants/{tenantId}/limits',
      operationId: 'listTenantLimits',
      summary: 'Each limit of a tenant and how full it is',
      description:
        'The limits of the tenant and of its first 1,000 routes, whether used or not; limits of API keys and consumers of which edges told. What edges told of a limit before its kind, unit, window or period changed is not shown. To tokens that see all tenants also those of the pools that the tenant shares.',
      tag: 'limits',
      permission: 'tenant.read',
      params: z.strictObject({ tenantId: TenantId }),
      query: NOTHING,
      body: null,
      responses: {
        200: { description: 'The limits.', schema: LimitsReply, example: { items: [EXAMPLE] } },
      },
      errors: ['HG_API_NOT_FOUND'],
    },
    async ({ session, params: { tenantId } }) => {
      const found = await limitsOf(store.as(session), tenantId);
      if (found === null) {
        return problem('HG_API_NOT_FOUND', { detail: `there is no tenant "${tenantId}"` });
      }
      const pools = session.scope === 'all' ? found.pools : [];
      const told = [
        ...watch.ofTenant(tenantId, found.createdAt.getTime()),
        ...pools.flatMap(({ level, scope }) => watch.ofPool(level, scope)),
      ];
      const rules = [...found.rules, ...pools.flatMap(({ rules }) => rules)];
      const keyRules = await keyRulesOf(store.as(session), tenantId, found.keyLimits, told);
      const all = [...rules, ...keyRules.rules];
      const configured = new Map(all.map((rule) => [configuredKey(rule), rule]));
      const known = told.filter(
        ({ usage }) =>
          configured.has(toldKey(usage)) ||
          (usage.level === 'route' && found.isUnread(usage.scope)) ||
          (usage.level === 'key' && keyRules.isUnread(usage.scope)),
      );
      const toldKeys = new Set(known.map(({ usage }) => toldKey(usage)));
      const idle = rules.filter((rule) => !toldKeys.has(configuredKey(rule))).map(idleReply);
      const explained = known.map((state) =>
        explainedReply(state, configured.get(toldKey(state.usage)) ?? null),
      );
      const items = [...explained, ...idle].sort(byPlace).slice(0, ITEMS_MAX);
      return { status: 200, body: { items } };
    },
  );
}

/** Limits as they are configured, and since when; null if there is no such tenant. */
async function limitsOf(store: SessionStore, tenantId: string) {
  const tenant = await store.get('tenant', null, tenantId);
  if (tenant === null) return null;
  const { planId } = tenant.spec;
  const [plan, platform, routes] = await Promise.all([
    store.get('plan', null, planId),
    store.get('plan', null, PLATFORM_PLAN_ID),
    store.list('route', tenantId, { limit: ROUTES_MAX, after: null }),
  ]);
  const own = overrideLimits(plan?.spec.limits ?? [], tenant.spec.limits);
  const rules: PlacedLimit[] = [
    ...own.map((limit) => ({ tenantId, level: 'tenant', scope: '', limit }) as const),
    ...routes.flatMap(({ id, spec }) =>
      spec.limits.map((limit) => ({ tenantId, level: 'route', scope: id, limit }) as const),
    ),
  ];
  const specs = new Map([
    [planId, plan?.spec],
    [PLATFORM_PLAN_ID, platform?.spec],
  ]);
  const pools = poolPlanIds(planId).flatMap((id) => poolOf(tenantId, id, specs.get(id)));
  const isUnread = unreadBeyond(routes, ROUTES_MAX);
  const keyLimits = plan?.spec.keyLimits ?? [];
  return { rules, pools, keyLimits, isUnread, createdAt: tenant.createdAt };
}

/** Limits of the API keys that edges told of, as they are configured. */
async function keyRulesOf(
  store: SessionStore,
  tenantId: string,
  planLimits: readonly Limit[],
  told: readonly LimitState[],
) {
  const ofKeys = told.filter(({ usage: { level } }) => level === 'key');
  const wanted = new Set(ofKeys.map(({ usage: { scope } }) => scope));
  if (wanted.size === 0) return { rules: [], isUnread: () => false };
  const keys = await store.list('apiKey', tenantId, { limit: KEYS_MAX, after: null });
  const rules = keys
    .filter(({ id }) => wanted.has(id))
    .flatMap(({ id, spec }) =>
      overrideLimits(planLimits, spec.limits).map((limit): PlacedLimit => ({
        tenantId,
        level: 'key',
        scope: id,
        limit,
      })),
    );
  return { rules, isUnread: unreadBeyond(keys, KEYS_MAX) };
}

/** Says of which ids nothing is known, because so many were read that there may be more. */
function unreadBeyond(read: readonly { readonly id: string }[], max: number) {
  const ids = new Set(read.map(({ id }) => id));
  return (id: string): boolean => read.length >= max && !ids.has(id);
}

/** The entity of a plan's pool that the tenant belongs to; nothing if the plan has none. */
function poolOf(tenantId: string, planId: string, spec: PlanSpec | undefined) {
  if (spec?.pool === undefined) return [];
  const place = poolPlace(planId, poolEntity(poolSpread(tenantId), spec.pool.entities));
  return [{ ...place, rules: spec.pool.limits.map((limit) => poolLimit(place, limit)) }];
}

const LEVELS = ['tenant', 'key', 'route', 'pool', 'platform'];

function byPlace(a: LimitReply, b: LimitReply): number {
  const place = ({ level, scope, name, consumer }: LimitReply): string =>
    [LEVELS.indexOf(level), scope, name, consumer ?? ''].join(' ');
  return place(a) < place(b) ? -1 : 1;
}
