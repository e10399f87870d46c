import type { Bus, EdgePresence } from '@headgate/bus';
import { EndpointHealth } from '@headgate/model';
import { z } from 'zod';
import { defineOperation, NOTHING, type Operation } from '../http/operation.ts';
import { problem } from '../http/problems.ts';
import { RevisionParameter } from '../http/query-integer.ts';
import { inScope, isKeyInScope, type TenantScope } from '../access/session.ts';
import { changeDelay, delayMs } from '../status/change-delay.ts';
import type { ClusterView } from '../status/cluster-view.ts';
import { digestHealth } from '../status/health-digest.ts';
import { StoreUnavailableError } from '../store/deadline.ts';
import type { Store } from '../store/store.ts';

/** What status tells of. */
export interface StatusContext {
  readonly store: Store;
  readonly view: ClusterView;
  readonly bus: Pick<Bus, 'connected'>;
}

const StatusReply = z.object({
  revision: z.int().describe('Newest revision; 0 while the store is away.'),
  edges: z.array(
    z.object({
      id: z.string(),
      zone: z.string(),
      ring: z.string().optional().describe('Absent for edges of a release without rollouts.'),
      version: z.string().optional().describe('Absent for principals with some tenants only.'),
      address: z.string().optional().describe('Absent for principals with some tenants only.'),
      revision: z.int(),
      documents: z.int().optional().describe('Absent for principals with some tenants only.'),
      synced: z.boolean(),
      live: z.boolean(),
      lastSeenMs: z.number().describe('ms since the epoch.'),
      rejected: z.array(z.object({ key: z.string(), revision: z.int(), reason: z.string() })),
    }),
  ),
  healthServices: z.array(z.object({ id: z.string(), live: z.boolean() })),
  upstreams: z
    .array(
      z.object({
        tenantId: z.string().nullable().describe('Null: a shared upstream.'),
        upstreamId: z.string(),
        endpoints: z.array(EndpointHealth),
      }),
    )
    .describe(
      'All of them, up to 1,000 with 10,000 endpoints; of more, as many of those with an endpoint that is not healthy.',
    ),
  upstreamCounts: z
    .object({
      total: z.int(),
      unhealthy: z.int().describe('Those with an endpoint that is not healthy.'),
    })
    .describe('Of all upstreams whose health is known, whether or not `upstreams` has them.'),
  store: z.object({ kind: z.enum(['pglite', 'postgres']), ok: z.boolean() }),
  bus: z.object({ connected: z.boolean() }),
  outbox: z.object({ pending: z.int() }),
});

/** `GET /v1/status`. It answers with the store and the bus away: that is when it is needed. */
export function statusOperation({ store, view, bus }: StatusContext): Operation {
  return defineOperation(
    {
      method: 'GET',
      path: '/v1/status',
      operationId: 'getStatus',
      summary: 'Edges, revisions and health of the cluster',
      tag: 'status',
      permission: 'shared.read',
      params: NOTHING,
      query: NOTHING,
      body: null,
      responses: {
        200: { description: 'The cluster as this replica sees it.', schema: StatusReply },
      },
      errors: [],
    },
    async ({ session: { access } }) => {
      // None of it is in the database, so what the credential allows is asked for itself.
      const scope = access.tenants;
      const figures = await store.figures().catch((error: unknown) => {
        if (error instanceof StoreUnavailableError) return null;
        throw error;
      });
      const health = digestHealth(view.health(), ({ tenantId }) => isTold(scope, tenantId));
      const body: z.output<typeof StatusReply> = {
        revision: figures?.revision ?? 0,
        edges: view.edges().map(({ id, info, live, lastSeenMs }) => ({
          id,
          zone: info.zone,
          ...(info.ring === undefined ? {} : { ring: info.ring }),
          revision: info.revision,
          synced: info.synced,
          live,
          lastSeenMs,
          rejected: info.rejected.filter(({ key }) => isKeyInScope(scope, key)),
          // Of the platform, and how many others there are.
          ...(scope === 'all' ? platformFacts(info) : {}),
        })),
        healthServices: view.healthServices().map(({ id, live }) => ({ id, live })),
        upstreams: health.upstreams.map(({ tenantId, upstreamId, endpoints }) => ({
          tenantId,
          upstreamId,
          endpoints,
        })),
        upstreamCounts: { total: health.total, unhealthy: health.unhealthy },
        store: { kind: store.kind, ok: figures !== null },
        bus: { connected: bus.connected },
        outbox: { pending: figures?.pending ?? 0 },
      };
      return { status: 200, body };
    },
  );
}

/** Shared upstreams are the platform's. */
function isTold(scope: TenantScope, tenantId: string | null): boolean {
  return tenantId === null ? scope === 'all' : inScope(scope, tenantId);
}

function platformFacts({ version, adminAddress, documents }: EdgePresence) {
  return { version, address: adminAddress, documents };
}

const RevisionReply = z.object({
  revision: z.int(),
  key: z
    .string()
    .describe('The document: `tenant.<id>`, `plan.<id>`, `upstream.<id>` or `rollout.<id>`.'),
  committedAt: z.iso.datetime(),
  publishedAt: z.iso.datetime().nullable().describe('Null until it, or a newer one, is published.'),
  edges: z.array(
    z.object({
      edgeId: z.string(),
      revision: z
        .int()
        .describe('That the edge told of: this one, or a newer one, which includes it.'),
      outcome: z.enum(['applied', 'rejected']),
      reason: z.string().optional(),
      at: z.number().describe('ms since the epoch, by the clock of the edge.'),
      delayMs: z
        .int()
        .optional()
        .describe(
          'From the commit to `at`. Absent if the edge told of a newer revision since, or refused.',
        ),
    }),
  ),
  delay: z
    .object({
      edges: z.int().describe('Edges with a `delayMs`.'),
      p50Ms: z.int().nullable().describe('Null without any.'),
      p99Ms: z.int().nullable().describe('Null without any.'),
    })
    .describe('Percentiles of `delayMs` (nearest rank).'),
});

/** `GET /v1/revisions/{revision}`: which edges have a change, since when, and how long they took. */
export function revisionOperation({ store, view }: StatusContext): Operation {
  return defineOperation(
    {
      method: 'GET',
      path: '/v1/revisions/{revision}',
      operationId: 'getRevision',
      summary: 'Which edges have a change',
      description:
        'And how long they took. The newest 100,000 revisions are kept; what edges said before the start of this replica it does not know. An edge that started after the change is told with the revision and the time that its start ended with.',
      tag: 'status',
      permission: 'shared.read',
      params: z.strictObject({ revision: RevisionParameter.describe('A revision.') }),
      query: NOTHING,
      body: null,
      responses: { 200: { description: 'The revision.', schema: RevisionReply } },
      errors: ['HG_API_NOT_FOUND'],
    },
    async ({ session, params: { revision } }) => {
      const found = await store.as(session).revision(revision);
      if (found === null) {
        return problem('HG_API_NOT_FOUND', { detail: `there is no revision ${revision}` });
      }
      const reports = view.acknowledgements.reports(found.key, revision);
      const edges = reports.flatMap(({ loaded, ...report }) => {
        // What is not published yet is in no edge, although those with higher revisions may be.
        if (loaded === true && found.published_at === null) return [];
        const isOfThis = report.revision === revision && report.outcome === 'applied';
        return isOfThis && loaded !== true
          ? { ...report, delayMs: delayMs(found.committed_at, report.at) }
          : report;
      });
      const delays = edges.flatMap((edge) => ('delayMs' in edge ? [edge.delayMs] : []));
      const body: z.output<typeof RevisionReply> = {
        revision,
        key: found.key,
        committedAt: found.committed_at.toISOString(),
        publishedAt: found.published_at?.toISOString() ?? null,
        edges,
        delay: changeDelay(delays),
      };
      return { status: 200, body };
    },
  );
}
