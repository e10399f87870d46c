import { overrideLimits, TenantId, type Limit } from '@headgate/model';
import { z } from 'zod';
import { inScope } from '../access/session.ts';
import { defineOperation, NOTHING, type Operation } from '../http/operation.ts';
import { problem } from '../http/problems.ts';
import { queryInteger } from '../http/query-integer.ts';
import type { LimitState, LimitWatch } from '../limits/limit-watch.ts';
import type { SessionStore } from '../store/session-store.ts';
import type { Store } from '../store/store.ts';

/** What the operations on limits work with. */
export interface LimitsContext {
  readonly store: Store;
  readonly watch: LimitWatch;
}

/** Routes of a tenant whose limits are listed. */
const ROUTES_MAX = 1000;

/** Limits in a reply. */
const ITEMS_MAX = 500;

const nothing = 'null while edges have not told of it lately';

const LimitReply = z.object({
  tenantId: z.string(),
  level: z.enum(['tenant', 'key', 'route']),
  scope: z.string().describe('Id of the API key or route; empty at the level of the tenant.'),
  consumer: z
    .string()
    .nullable()
    .describe('Of a limit per consumer: `k` and the id of a key, or `a` and an address.'),
  name: z.string(),
  kind: z.enum(['window', 'rate', 'concurrency', 'quota']),
  limit: z.number(),
  used: z.number().nullable().describe(`Units used over all edges; ${nothing}.`),
  remaining: z.number().nullable().describe(`Units left; ${nothing}.`),
  resetMs: z.number().describe('Until units come back, ms; 0 if none are used, or for slots.'),
  admittedPerSecond: z.number().describe('Units, mean of five seconds.'),
  deniedPerSecond: z.number().describe('Requests, mean of five seconds.'),
  ageMs: z.number().nullable().describe('Since an edge told of it; null if none has.'),
  stuck: z.boolean().describe('It admits, and yet nothing of it is ever used.'),
});
type LimitReply = z.infer<typeof LimitReply>;

const LimitsReply = z.object({ items: z.array(LimitReply) });

const EXAMPLE: LimitReply = {
  ...{ tenantId: 'acme', level: 'tenant', scope: '', consumer: null, name: 'second' },
  ...{ kind: 'window', limit: 100, used: 97, remaining: 3, resetMs: 20 },
  ...{ admittedPerSecond: 96.4, deniedPerSecond: 12.2, ageMs: 640, stuck: false },
};

/** Operations that tell how full limits are. */
export function limitOperations(context: LimitsContext): Operation[] {
  return [defineTop(context), defineExplain(context)];
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
        'The limits of the tenant and of its first 1,000 routes, whether used or not; limits of API keys and consumers of which edges told.',
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
      const known = watch.ofTenant(tenantId, found.createdAt.getTime()).map(replyOf);
      const told = new Set(known.map(placeOf));
      const idle = found.rules.map(idleReply).filter((reply) => !told.has(placeOf(reply)));
      return {
        status: 200,
        body: { items: [...known, ...idle].sort(byPlace).slice(0, ITEMS_MAX) },
      };
    },
  );
}

interface PlacedLimit {
  readonly tenantId: string;
  readonly level: 'tenant' | 'route';
  readonly scope: string;
  readonly limit: Limit;
}

/** Limits as they are configured, and since when; null if there is no such tenant. */
async function limitsOf(store: SessionStore, tenantId: string) {
  const tenant = await store.get('tenant', null, tenantId);
  if (tenant === null) return null;
  const [plan, routes] = await Promise.all([
    store.get('plan', null, tenant.spec.planId),
    store.list('route', tenantId, { limit: ROUTES_MAX, after: null }),
  ]);
  const own = overrideLimits(plan?.spec.limits ?? [], tenant.spec.limits);
  const rules: PlacedLimit[] = [
    ...own.map((limit) => ({ tenantId, level: 'tenant', scope: '', limit }) as const),
    ...routes.flatMap(({ id, spec }) =>
      spec.limits.map((limit) => ({ tenantId, level: 'route', scope: id, limit }) as const),
    ),
  ];
  return { rules, createdAt: tenant.createdAt };
}

/** The same for all consumers of a limit. */
function placeOf({ level, scope, name, kind }: LimitReply): string {
  return JSON.stringify([level, scope, name, kind]);
}

function replyOf(state: LimitState): LimitReply {
  const { tenantId, level, scope, consumer, name, kind, limit } = state.usage;
  const { used, remaining, resetMs, admittedPerSecond, deniedPerSecond, ageMs, isStuck } = state;
  return {
    ...{ tenantId, level, scope, consumer, name, kind, limit, used, remaining, resetMs },
    ...{ admittedPerSecond, deniedPerSecond, ageMs, stuck: isStuck },
  };
}

/** Nobody has told of it: it is not in use, or has not been for a while. */
function idleReply({
  tenantId,
  level,
  scope,
  limit: { name, kind, limit },
}: PlacedLimit): LimitReply {
  return {
    ...{ tenantId, level, scope, consumer: null, name, kind, limit, used: null, remaining: null },
    ...{ resetMs: 0, admittedPerSecond: 0, deniedPerSecond: 0, ageMs: null, stuck: false },
  };
}

const LEVELS = ['tenant', 'key', 'route'];

function byPlace(a: LimitReply, b: LimitReply): number {
  const place = ({ level, scope, name, consumer }: LimitReply): string =>
    [LEVELS.indexOf(level), scope, name, consumer ?? ''].join(' ');
  return place(a) < place(b) ? -1 : 1;
}
