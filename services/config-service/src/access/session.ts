import type { Role } from '@headgate/model';
import type { ReplyKeeper } from '../idempotency/reply-keeper.ts';
import type { Author } from '../store/write-changes.ts';

/** Tenants that somebody may see: all of them, or these ids. */
export type TenantScope = 'all' | ReadonlySet<string>;

/** What a credential allows. The database enforces it by row-level security. */
export interface Access {
  readonly role: Role;
  readonly tenants: TenantScope;
}

/** Who asks. */
export interface Principal {
  /** As audit rows name it: `admin`, `token:<id>`, `oidc:<subject>`. */
  readonly actor: string;
  readonly access: Access;
}

/** One request of a principal; the store answers it within these bounds. */
export interface Session {
  readonly author: Omit<Author, 'at'>;
  /** For the database, the second wall. */
  readonly access: Access;
  /** For the application, the first wall: what queries look at. */
  readonly scope: TenantScope;
  /** Of a write with an Idempotency-Key: keeps its reply together with the change. */
  readonly replies?: ReplyKeeper;
}

/** Whether a tenant lies in the scope; whether it exists is another question. */
export function inScope(scope: TenantScope, tenantId: string): boolean {
  return scope === 'all' || scope.has(tenantId);
}

/** Whether a document lies in the scope, by its key; those of plans and shared upstreams are the platform's. */
export function isKeyInScope(scope: TenantScope, key: string): boolean {
  if (scope === 'all') return true;
  const [, tenantId] = /^(?:tenant|rollout)\.(.+)$/.exec(key) ?? [];
  return tenantId !== undefined && scope.has(tenantId);
}

/**
 * What a credential allows. Only a platform_admin has all tenants without naming them, and only a viewer
 * has them by `*`; whatever else names none has none.
 */
export function accessOf(role: Role, tenants: '*' | readonly string[] | undefined): Access {
  if (role === 'platform_admin') return { role, tenants: 'all' };
  if (tenants === '*') return { role, tenants: role === 'viewer' ? 'all' : new Set() };
  return { role, tenants: new Set(tenants) };
}
