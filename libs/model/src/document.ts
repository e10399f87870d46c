import { z } from 'zod';
import { ApiKey } from './api-key.ts';
import { Certificate } from './certificate.ts';
import { JwtIssuer } from './jwt-issuer.ts';
import { Plan } from './plan.ts';
import type { PlanId, TenantId } from './primitives.ts';
import { ID_PATTERN, Revision, Ring } from './primitives.ts';
import { Route } from './route.ts';
import { Tenant, TenantIdentity } from './tenant.ts';
import { SharedUpstream, Upstream } from './upstream.ts';

/** Version of the published form. Edges refuse versions they do not know and keep their last good revision. */
export const DOCUMENT_VERSION = 1;

/** Most rings of a rollout. */
export const RINGS_MAX = 16;

/** Most of each that a tenant has. */
export const TENANT_COUNTS_MAX = {
  upstreams: 1000,
  routes: 5000,
  jwtIssuers: 32,
  apiKeys: 100_000,
  certificates: 100,
} as const;

/** Everything an edge needs to serve one tenant. Plans and shared upstreams travel in documents of their own. */
export const TenantDocument = z
  .object({
    // Names such as PST, which are refused by now, may still be stored: they hurt only who has a quota.
    tenant: Tenant.extend({ timeZone: z.string().default('UTC') }),
    upstreams: z.array(Upstream).max(TENANT_COUNTS_MAX.upstreams),
    routes: z.array(Route).max(TENANT_COUNTS_MAX.routes),
    // Documents of tenants without any lack it, as those of releases before it.
    jwtIssuers: z.array(JwtIssuer).max(TENANT_COUNTS_MAX.jwtIssuers).default([]),
    apiKeys: z.array(ApiKey).max(TENANT_COUNTS_MAX.apiKeys),
    // Releases that know no certificates write none.
    certificates: z.array(Certificate).max(TENANT_COUNTS_MAX.certificates).default([]),
  })
  .describe('Everything an edge needs to serve one tenant.');
export type TenantDocument = z.infer<typeof TenantDocument>;

/** A plan as published: one document, however many tenants are on it. */
export const PlanDocument = z.object({ plan: Plan }).describe('A plan as published.');
export type PlanDocument = z.infer<typeof PlanDocument>;

/** A shared upstream as published: one document, however many tenants have routes to it. */
export const UpstreamDocument = z
  .object({ upstream: SharedUpstream })
  .describe('A shared upstream as published.');
export type UpstreamDocument = z.infer<typeof UpstreamDocument>;

/** `upstream`: a shared one. `rollout`: the configuration that a tenant is to get, for some edges first; its body is a {@link TenantDocument}. */
export const DocumentKind = z.enum(['tenant', 'plan', 'upstream', 'rollout']);
export type DocumentKind = z.infer<typeof DocumentKind>;

/**
 * First line of a published document: what an edge must know without parsing the body. The body is the second line;
 * `sha256` is the hash of its UTF-8 bytes. A deletion is a document with `deleted: true` and an empty body.
 */
export const DocumentHeader = z.object({
  v: z.literal(DOCUMENT_VERSION),
  kind: DocumentKind,
  id: z.string().regex(ID_PATTERN),
  revision: Revision,
  deleted: z.boolean(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Tenants and their rollouts: lets an edge index a tenant without parsing its body. */
  identity: TenantIdentity.optional(),
  /** Rollouts only: edges of these rings serve it in place of the tenant's own document. */
  rings: z.array(Ring).max(RINGS_MAX).optional(),
});
export type DocumentHeader = z.infer<typeof DocumentHeader>;

/** Whether documents of tenants may need one of this kind: those come after it, and go before it. */
export function isNeededByTenants(kind: DocumentKind): boolean {
  return kind === 'plan' || kind === 'upstream';
}

/** Names a document across buckets, disk and logs: `tenant.acme`, `plan.gold`, `upstream.mail`, `rollout.acme`. */
export function documentKey(kind: DocumentKind, id: TenantId | PlanId | string): string {
  return `${kind}.${id}`;
}

/** What a key of {@link documentKey} names; null for a key of none of these kinds. */
export function kindOfKey(key: string): DocumentKind | null {
  const kind = DocumentKind.safeParse(key.slice(0, Math.max(key.indexOf('.'), 0)));
  return kind.success ? kind.data : null;
}
