import { documentKey } from '@headgate/model';
import type { Kysely } from 'kysely';
import type { TenantScope } from '../access/session.ts';
import { isAnyOf } from './is-any-of.ts';
import type { Tables } from './tables.ts';

/**
 * Highest revision of the documents in a scope, deletions included; 0 if there is none. It is asked for each second, and by
 * writes that change nothing: of all documents it is read off the primary key of revisions, the newest of which are always
 * there; of some tenants it is looked up by the keys of their documents, as their own revisions may be gone.
 */
export async function newestRevision(db: Kysely<Tables>, scope: TenantScope): Promise<number> {
  const query =
    scope === 'all'
      ? db.selectFrom('revisions').select(({ fn }) => fn.max('revision').as('revision'))
      : db
          .selectFrom('documents')
          .select(({ fn }) => fn.max('revision').as('revision'))
          .where(isAnyOf('key', keysOf(scope)));
  return (await query.executeTakeFirst())?.revision ?? 0;
}

function keysOf(tenantIds: Iterable<string>): string[] {
  return Array.from(tenantIds, (id) => [
    documentKey('tenant', id),
    documentKey('rollout', id),
  ]).flat();
}
