import type { Bundle } from '@headgate/model';
import { sql, type Kysely } from 'kysely';
import { takeRevisions } from './documents.ts';
import type { Tables } from './tables.ts';
import { writeAuditRows, type AuditEntry, type Author } from './write-changes.ts';

/** When and by whom it was declared how the configuration is to be. */
export interface DeclarationState {
  /**
   * No other declaration has it. Taken from the revisions while the documents of the bundle are locked: what is newer of one of
   * these came after the declaration.
   */
  readonly revision: number;
  readonly at: Date;
  readonly by: string;
  /** When it was first seen that the configuration differs; null: it did not when it was last compared. */
  readonly driftedAt: Date | null;
}

/** How the configuration is to be. There is at most one declaration, which replaces the one before. */
export interface Declaration extends DeclarationState {
  readonly bundle: Bundle;
}

const COLUMNS = ['revision', 'declared_at', 'declared_by', 'drifted_at'] as const;

/**
 * Declares a bundle, with an audit row, within the caller's transaction, which has the documents of the bundle locked. Whether
 * the configuration drifted is found out by the next comparison.
 */
export async function writeDeclaration(
  db: Kysely<Tables>,
  bundle: Bundle,
  author: Author,
): Promise<void> {
  const [revision = 0] = await takeRevisions(db, 1);
  const declared = { declared_at: author.at, declared_by: author.actor };
  const row = { bundle: JSON.stringify(bundle, withoutPrivateKey), revision, ...declared };
  const { isNew } = await db
    .insertInto('declaration')
    .values({ id: 1, ...row, drifted_at: null })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    // Only a row that replaces another one has been locked by its writer.
    .returning(sql<boolean>`xmax = 0`.as('isNew'))
    .executeTakeFirstOrThrow();
  const plans = Object.keys(bundle.plans).length;
  const upstreams = Object.keys(bundle.upstreams).length;
  const tenants = Object.keys(bundle.tenants).length;
  const entry = auditEntry(isNew ? 'create' : 'update', { plans, upstreams, tenants });
  await writeAuditRows(db, [entry], author);
}

/** Keys of certificates are kept with the certificates, sealed, and nowhere else. */
function withoutPrivateKey(name: string, value: unknown): unknown {
  return name === 'privateKey' && typeof value === 'string' ? undefined : value;
}

/** The declaration, or null. */
export async function readDeclaration(db: Kysely<Tables>): Promise<Declaration | null> {
  const row = await db.selectFrom('declaration').selectAll().executeTakeFirst();
  if (row === undefined) return null;
  // Only writeDeclaration writes it, from what the schema had accepted; that of older releases knew no shared upstreams.
  const bundle = JSON.parse(row.bundle) as Omit<Bundle, 'upstreams'> & Partial<Bundle>;
  return { ...stateOf(row), bundle: { ...bundle, upstreams: bundle.upstreams ?? {} } };
}

/** As {@link readDeclaration}, without the bundle, which may be large. */
export async function readDeclarationState(db: Kysely<Tables>): Promise<DeclarationState | null> {
  const row = await db.selectFrom('declaration').select(COLUMNS).executeTakeFirst();
  return row === undefined ? null : stateOf(row);
}

/**
 * Notes since when the configuration has drifted (null: it has not) from the declaration of this revision.
 *
 * @returns whether that is new: false if it was noted before, or something else is declared by now.
 */
export async function markDrift(
  db: Kysely<Tables>,
  revision: number,
  driftedAt: Date | null,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('declaration')
    .set({ drifted_at: driftedAt })
    .where('revision', '=', revision)
    .where('drifted_at', driftedAt === null ? 'is not' : 'is', null)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Nothing is declared any more; with an audit row if anything was, within the caller's transaction. */
export async function deleteDeclaration(db: Kysely<Tables>, author: Author): Promise<void> {
  const row = await db.deleteFrom('declaration').returning('id').executeTakeFirst();
  if (row !== undefined) await writeAuditRows(db, [auditEntry('delete', null)], author);
}

/** The bundle is too large for rows that are never deleted: its size is told. */
function auditEntry(
  action: AuditEntry['action'],
  after: Readonly<Record<'plans' | 'upstreams' | 'tenants', number>> | null,
): AuditEntry {
  // No document changes with it: there is no revision of one.
  const place = { kind: 'declaration', tenantId: null, id: 'declaration', revision: 0 } as const;
  return { action, ...place, before: null, after };
}

function stateOf(row: {
  readonly revision: number;
  readonly declared_at: Date;
  readonly declared_by: string;
  readonly drifted_at: Date | null;
}): DeclarationState {
  const { revision, declared_at: at, declared_by: by, drifted_at: driftedAt } = row;
  return { revision, at, by, driftedAt };
}
