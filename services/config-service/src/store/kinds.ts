import type {
  ApiKey,
  Certificate,
  JwtIssuerSpec,
  PlanSpec,
  RouteSpec,
  TenantSpec,
  UpstreamSpec,
} from '@headgate/model';

/** What the store keeps of an API key: what the operator wrote, the hash and the hint. */
export type ApiKeyRecord = Omit<ApiKey, 'id'>;

/** What the store keeps of a certificate: what the operator wrote, the key sealed, and what was read from it. */
export type CertificateRecord = Omit<Certificate, 'id'>;

/** The content of each kind of resource, without its id. */
export interface SpecByKind {
  readonly plan: PlanSpec;
  readonly sharedUpstream: UpstreamSpec;
  readonly tenant: TenantSpec;
  readonly upstream: UpstreamSpec;
  readonly jwtIssuer: JwtIssuerSpec;
  readonly route: RouteSpec;
  readonly apiKey: ApiKeyRecord;
  readonly certificate: CertificateRecord;
}

/** The kinds of resource that the management API knows. */
export type ResourceKind = keyof SpecByKind;

/** Kinds of the platform's own that tenants refer to; each is a document of its own. */
export const SHARED_KINDS = ['plan', 'sharedUpstream'] as const satisfies readonly ResourceKind[];
export type SharedKind = (typeof SHARED_KINDS)[number];

/** Kinds that live inside of a tenant. */
export const NESTED_KINDS = [
  'upstream',
  'jwtIssuer',
  'route',
  'apiKey',
  'certificate',
] as const satisfies readonly ResourceKind[];
export type NestedKind = (typeof NESTED_KINDS)[number];

/**
 * In the order in which they may be written, which is that of both lists: a kind refers only to kinds before it. Deletions go
 * the other way round.
 */
export const RESOURCE_KINDS = [...SHARED_KINDS, 'tenant', ...NESTED_KINDS] as const;

/** Table of each kind. */
export const TABLE_BY_KIND = {
  plan: 'plans',
  sharedUpstream: 'shared_upstreams',
  tenant: 'tenants',
  upstream: 'upstreams',
  jwtIssuer: 'jwt_issuers',
  route: 'routes',
  apiKey: 'api_keys',
  certificate: 'certificates',
} as const satisfies Record<ResourceKind, string>;

/** Name of the collection in paths of faults, as in a bundle: `tenants.acme.routes.web`, `upstreams.mail`. */
export const COLLECTION_BY_KIND = {
  plan: 'plans',
  sharedUpstream: 'upstreams',
  tenant: 'tenants',
  upstream: 'upstreams',
  jwtIssuer: 'jwtIssuers',
  route: 'routes',
  apiKey: 'apiKeys',
  certificate: 'certificates',
} as const satisfies Record<ResourceKind, string>;

/** Whether resources of the kind belong to a tenant. */
export function isNestedKind(kind: ResourceKind): kind is NestedKind {
  const nested: readonly ResourceKind[] = NESTED_KINDS;
  return nested.includes(kind);
}

/** A resource as stored. */
export interface Stored<Spec> {
  readonly id: string;
  readonly spec: Spec;
  /** Revision of the document at the last change of this very resource; its entity tag. */
  readonly revision: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}
