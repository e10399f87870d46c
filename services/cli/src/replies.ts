import { EndpointHealth } from '@headgate/model';
import { z } from 'zod';

// What the config-service answers, as far as the command uses it. Unknown fields pass, so that an
// older command works with a newer server.

/** One field that differs; `before` or `after` is absent if the field is on one side only. */
export const FieldChange = z.object({
  path: z.string(),
  before: z.unknown().optional(),
  after: z.unknown().optional(),
});
export type FieldChange = z.infer<typeof FieldChange>;

/** One change of a plan. */
export const Change = z.object({
  action: z.enum(['create', 'update', 'delete', 'unchanged']),
  kind: z.enum([
    ...(['plan', 'sharedUpstream', 'tenant'] as const),
    ...(['upstream', 'jwtIssuer', 'route', 'apiKey', 'certificate'] as const),
  ]),
  tenantId: z.string().optional(),
  id: z.string(),
  fields: z.array(z.string()).default([]),
  /** Of an update in a dry run: each field, before and after. */
  diff: z.array(FieldChange).optional(),
});
export type Change = z.infer<typeof Change>;

/** Reply to `POST /v1/apply`. */
export const ApplyReply = z.object({
  dryRun: z.boolean(),
  revision: z.number(),
  changes: z.array(Change),
  /** Of a dry run: in If-Match it lets the change be made only if nothing of it has changed since. */
  state: z.string().optional(),
  converged: z.boolean().optional(),
});
export type ApplyReply = z.infer<typeof ApplyReply>;

/** Reply to `GET /v1/drift`. */
export const DriftReply = z.object({
  declared: z.object({ at: z.string(), by: z.string() }).nullable(),
  drift: z.boolean(),
  since: z.string().nullable(),
  revision: z.number(),
  changes: z.array(Change),
});

/** One resource, of whatever kind. */
export const Resource = z.looseObject({ id: z.string() });
export type Resource = z.infer<typeof Resource>;

/** What an operator wrote of a resource: without what the server adds to it. */
export function specOf(resource: Resource): Record<string, unknown> {
  const {
    id: _id,
    revision: _revision,
    createdAt: _createdAt,
    updatedAt: _updatedAt,
    converged: _converged,
    ...spec
  } = resource;
  return spec;
}

/** A tenant as it is read, or as a write answers it. */
export const TenantReply = Resource.extend({
  revision: z.number(),
  converged: z.boolean().optional(),
});
export type TenantReply = z.infer<typeof TenantReply>;

/** Reply to the creation of an API key; the only time that the key is shown. */
export const KeyReply = z.looseObject({ id: z.string(), key: z.string() });

/** An access token as it is listed. */
export const TokenReply = z.looseObject({
  id: z.string(),
  name: z.string().optional(),
  role: z.string(),
  tenants: z.union([z.literal('*'), z.array(z.string())]).optional(),
  expiresAt: z.string().optional(),
  hint: z.string(),
  createdAt: z.string(),
  createdBy: z.string(),
});
export type TokenReply = z.infer<typeof TokenReply>;

/** Reply to the creation of an access token; the only time that the token is shown. */
export const CreatedTokenReply = TokenReply.extend({ token: z.string() });

/** Reply to `GET /v1/status`. */
export const StatusReply = z.object({
  revision: z.number(),
  edges: z.array(
    z.object({
      id: z.string(),
      zone: z.string().nullish(),
      ring: z.string().optional(),
      version: z.string().optional(),
      address: z.string().nullish(),
      revision: z.number(),
      documents: z.number().optional(),
      synced: z.boolean(),
      live: z.boolean(),
      lastSeenMs: z.number(),
      rejected: z.array(z.object({ key: z.string(), revision: z.number(), reason: z.string() })),
    }),
  ),
  healthServices: z.array(z.object({ id: z.string(), live: z.boolean() })),
  upstreams: z.array(
    z.object({
      /** Null: a shared upstream. */
      tenantId: z.string().nullable(),
      upstreamId: z.string(),
      endpoints: z.array(EndpointHealth),
    }),
  ),
  /** Absent from a server that tells all upstreams. */
  upstreamCounts: z.object({ total: z.number(), unhealthy: z.number() }).optional(),
  store: z.object({ kind: z.string(), ok: z.boolean() }),
  bus: z.object({ connected: z.boolean() }),
  outbox: z.object({ pending: z.number() }),
});
export type StatusReply = z.infer<typeof StatusReply>;

/** An RFC 9457 problem. */
export const ProblemReply = z.object({
  title: z.string(),
  status: z.number().optional(),
  code: z.string().optional(),
  detail: z.string().optional(),
  requestId: z.string().optional(),
  errors: z
    .array(z.object({ path: z.string(), value: z.unknown().optional(), rule: z.string() }))
    .default([]),
});
export type ProblemReply = z.infer<typeof ProblemReply>;
