import { TenantId } from '@headgate/model';
import { z } from 'zod';
import { inScope, type Session } from '../access/session.ts';
import { defineOperation, NOTHING, type Operation } from '../http/operation.ts';
import { queryInteger } from '../http/query-integer.ts';
import { EVENTS_KEPT_MAX, type LimitEvent, type LimitEvents } from '../limits/limit-events.ts';
import type { Store } from '../store/store.ts';
import { LimitReply } from './limit-reply.ts';

/** What the operation works with. */
export interface LimitEventsContext {
  readonly store: Store;
  readonly events: Pick<LimitEvents, 'list'>;
}

const LimitEventReply = z.object({
  at: z.iso.datetime().describe('When this replica heard of it.'),
  event: z
    .enum(['near', 'reached'])
    .describe('`near`: used to 80 % or more. `reached`: it refused.'),
  ...LimitReply.pick({ tenantId: true, level: true, scope: true, name: true, kind: true }).shape,
  unit: LimitReply.shape.unit,
  shadow: z.boolean().describe('It refuses nothing: it would have.'),
  used: z
    .number()
    .nullable()
    .describe('Units used over all edges; null if the edge that refused did not know.'),
  limit: z.number(),
  capacity: z.number().describe('Units that fit at once: the burst of a rate, else the limit.'),
  percent: z.int().nullable().describe('`used` as a part of `capacity`, rounded down.'),
});

const EXAMPLE: z.input<typeof LimitEventReply> = {
  ...{ at: '2026-01-01T00:00:00.000Z', event: 'near', tenantId: 'acme', level: 'tenant' },
  ...{ scope: '', name: 'minute', kind: 'window', unit: 'requests', shadow: false },
  ...{ used: 4810, limit: 6000, capacity: 6000, percent: 80 },
};

/** `GET /v1/limits/events`: which limits were nearly used up or refused, newest first. */
export function limitEventsOperation({ store, events }: LimitEventsContext): Operation {
  return defineOperation(
    {
      method: 'GET',
      path: '/v1/limits/events',
      operationId: 'listLimitEvents',
      summary: 'Limits that were nearly used up, or began to refuse; newest first',
      description: `The last ${EVENTS_KEPT_MAX} events that this replica told of since its start. A limit tells once that it is used to 80 %, and once that it refuses, until it has been used to less than 60 % for a window, at least ten seconds. Limits per consumer or address tell nothing. Those of pools only to tokens that see all tenants.`,
      tag: 'limits',
      permission: 'shared.read',
      params: NOTHING,
      query: z.strictObject({
        tenantId: TenantId.optional().describe('Only of this tenant.'),
        limit: queryInteger(1, EVENTS_KEPT_MAX).default(100).describe('Most events to return.'),
      }),
      body: null,
      responses: {
        200: {
          description: 'The events.',
          schema: z.object({ items: z.array(LimitEventReply) }),
          example: { items: [EXAMPLE] },
        },
      },
      errors: [],
    },
    async ({ session, query: { tenantId, limit } }) => {
      const isOfCaller = ownEvents(store, session);
      const wanted = (id: string): boolean =>
        inScope(session.scope, id) && (tenantId === undefined || id === tenantId);
      const items: z.output<typeof LimitEventReply>[] = [];
      for (const event of events.list(wanted)) {
        if (items.length === limit) break;
        if (await isOfCaller(event)) items.push(replyOf(event));
      }
      return { status: 200, body: { items } };
    },
  );
}

/** Tokens of tenants see nothing of one that had the same id before. */
function ownEvents(store: Store, session: Session) {
  const own = store.as(session);
  const sinceMs = new Map<string, number>();
  return async ({ tenantId, atMs }: LimitEvent): Promise<boolean> => {
    if (session.scope === 'all') return true;
    const known = sinceMs.get(tenantId);
    if (known !== undefined) return atMs >= known;
    const tenant = await own.get('tenant', null, tenantId);
    const createdMs = tenant?.createdAt.getTime() ?? Infinity;
    sinceMs.set(tenantId, createdMs);
    return atMs >= createdMs;
  };
}

function replyOf({ atMs, ...event }: LimitEvent): z.output<typeof LimitEventReply> {
  return { at: new Date(atMs).toISOString(), ...event };
}
