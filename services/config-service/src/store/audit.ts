import { sql, type Kysely, type RawBuilder } from 'kysely';
import type { TenantScope } from '../access/session.ts';
import { RESOURCE_KINDS } from './kinds.ts';
import { sinceRevision } from './documents.ts';
import { isAnyOf } from './is-any-of.ts';
import type { Tables } from './tables.ts';

/** Which audit rows are wanted; null: whatever. */
export interface AuditFilter {
  /** The tenant itself and all that belongs to it. */
  readonly tenantId: string | null;
  readonly actor: string | null;
  readonly action: AuditAction | null;
  /** First and last moment, both included. */
  readonly from: Date | null;
  readonly to: Date | null;
}

/** What audit rows tell of: resources, the credentials of this API, rollouts, and what is declared. */
export const AUDIT_KINDS = [...RESOURCE_KINDS, 'accessToken', 'rollout', 'declaration'] as const;
export type AuditKind = (typeof AUDIT_KINDS)[number];

/** What a write did to a resource. */
export type AuditAction = 'create' | 'update' | 'delete';

/** A write of one resource: who changed what, when and from where. */
export interface AuditRow {
  readonly id: number;
  readonly at: Date;
  readonly actor: string;
  readonly source: string;
  readonly request_id: string | null;
  readonly operation: string | null;
  readonly action: AuditAction;
  readonly kind: AuditKind;
  readonly tenant_id: string | null;
  readonly resource_id: string;
  readonly revision: number;
  /** Null if there was none, or if the row is not complete. */
  readonly before: unknown;
  readonly after: unknown;
  /** False if the resource is larger than {@link COMPARED_CHARS_MAX}: `before` and `after` are left out. */
  readonly complete: boolean;
}

/**
 * Largest resource that a page shows, as characters of JSON: a page of 200 rows stays below 25 MiB. The
 * history of the tenant has the larger ones.
 */
export const COMPARED_CHARS_MAX = 65_536;

/** Audit rows of the scope, newest first, those below `before` (null: all); at most `limit`. */
export async function listAudit(
  db: Kysely<Tables>,
  scope: TenantScope,
  filter: AuditFilter,
  limit: number,
  before: number | null,
): Promise<readonly AuditRow[]> {
  const { rows } = await sql<AuditRow>`
    select id, at, actor, source, request_id, operation, action, kind, tenant_id, resource_id,
      revision, complete,
      case when complete then before end as before, case when complete then after end as after
    from (
      select *, coalesce(length(before::text), 0) <= ${COMPARED_CHARS_MAX}::integer
        and coalesce(length(after::text), 0) <= ${COMPARED_CHARS_MAX}::integer as complete
      from audit where ${conditions(scope, filter, before)}
      order by id desc limit ${limit}::integer
    ) as page
    order by id desc
  `.execute(db);
  return rows;
}

/** The tenant that a row is about, as the index audit_by_tenant has it. */
const TENANT = sql`(case when audit.kind = 'tenant' then audit.resource_id else audit.tenant_id end)`;

/** Only what is asked for stands in the statement, so that each filter finds its index. */
function conditions(
  scope: TenantScope,
  filter: AuditFilter,
  before: number | null,
): RawBuilder<unknown> {
  const { tenantId, actor, action, from, to } = filter;
  const all: RawBuilder<unknown>[] = [sql`true`];
  if (tenantId !== null) all.push(sql`${TENANT} = ${tenantId}`);
  if (scope !== 'all') {
    all.push(isAnyOf(TENANT, [...scope]), sql`revision >= ${sinceRevision(TENANT)}`);
  }
  if (actor !== null) all.push(sql`actor = ${actor}`);
  if (action !== null) all.push(sql`action = ${action}`);
  if (from !== null) all.push(sql`at >= ${from.toISOString()}::timestamptz`);
  if (to !== null) all.push(sql`at <= ${to.toISOString()}::timestamptz`);
  if (before !== null) all.push(sql`id < ${before}::bigint`);
  return sql.join(all, sql` and `);
}
