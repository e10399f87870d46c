import { documentKey } from '@headgate/model';
import type { Kysely } from 'kysely';
import type { TenantScope } from '../access/session.ts';
import { compareShared, compareTenant, type Change } from './change.ts';
import { editShared, editTenants, type Edits } from './commit.ts';
import { isAnyOf } from './is-any-of.ts';
import { newestRevision } from './newest-revision.ts';
import { accept, type Outcome } from './outcome.ts';
import type { Tables } from './tables.ts';

/** What edits would change. */
export interface Comparison {
  /** Newest revision in the scope. */
  readonly revision: number;
  /** Of all that is named, what stays as it is too. */
  readonly changes: readonly Change[];
}

/**
 * What edits of an author with this scope would change: nothing is written or locked, and what only a write is refused for (a host of
 * another tenant, a plan that is not there) is not looked at. Call it in a transaction of one snapshot.
 */
export async function compareEdits(
  db: Kysely<Tables>,
  edits: Edits,
  scope: TenantScope,
): Promise<Outcome<Comparison>> {
  const revision = await newestRevision(db, scope);
  const plans = await editShared(db, 'plan', edits.plan);
  if (!plans.ok) return plans;
  const upstreams = await editShared(db, 'sharedUpstream', edits.sharedUpstream);
  if (!upstreams.ok) return upstreams;
  const tenants = await editTenants(db, edits.tenants, new Map());
  if (!tenants.ok) return tenants;
  return accept({
    revision,
    changes: [
      ...plans.value.flatMap(({ state, next }) => compareShared('plan', state, next)),
      ...upstreams.value.flatMap(({ state, next }) => compareShared('sharedUpstream', state, next)),
      ...tenants.value.flatMap(({ state, next }) => compareTenant(state, next)),
    ],
  });
}

/** Edits as of a revision without those to tenants that began later: they meant deleted ones that had the same ids. */
export async function withoutLaterTenants(
  db: Kysely<Tables>,
  edits: Edits,
  revision: number,
): Promise<Edits> {
  const keys = Array.from(edits.tenants.keys(), (id) => documentKey('tenant', id));
  const later = await db
    .selectFrom('documents')
    .select('id')
    .where(isAnyOf('key', keys))
    .where('since_revision', '>', revision)
    .execute();
  if (later.length === 0) return edits;
  const tenants = new Map(edits.tenants);
  for (const { id } of later) tenants.delete(id);
  return { ...edits, tenants };
}
