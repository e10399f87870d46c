import { sql, type Kysely, type RawBuilder } from 'kysely';
import type { Session, TenantScope } from '../access/session.ts';
import { askerOf } from '../idempotency/asker.ts';
import { AccessRefusedError } from './deadline.ts';
import { isCode } from './postgres-error.ts';
import type { Tables } from './tables.ts';
import { LIMITED_ROLE, type Wall } from './wall.ts';

/** The second wall around one session. */
export interface Bounds {
  /** First statement of every transaction of the session; what it sets ends with the transaction. */
  enter(transaction: Kysely<Tables>, mode: 'read' | 'write'): Promise<void>;
}

/** insufficient_privilege, read_only_sql_transaction */
const REFUSALS = ['42501', '25006'];

/** The bounds of a session; null if it has none: a platform_admin, or no wall. */
export function boundsOf(session: Session, wall: Wall): Bounds | null {
  const { role, tenants } = session.access;
  if (role === 'platform_admin' || wall === 'none') return null;
  const own = [set('headgate.tenants', describeSight(tenants))];
  // Whose kept reply the change may hold.
  if (session.replies !== undefined) own.push(set('headgate.asker', askerOf(session)));
  return {
    async enter(transaction, mode) {
      const settings = [...own];
      if (mode === 'read' || role === 'viewer') settings.push(set('transaction_read_only', 'on'));
      if (wall === 'role') settings.push(set('role', LIMITED_ROLE));
      await sql`select ${sql.join(settings)}`.execute(transaction);
    },
  };
}

/** Reads within the bounds of a session. Without bounds it needs no transaction. */
export async function readWithin<Value>(
  db: Kysely<Tables>,
  bounds: Bounds | null,
  work: (db: Kysely<Tables>) => Promise<Value>,
): Promise<Value> {
  if (bounds === null) return work(db);
  return refusing(
    bounds,
    db.transaction().execute(async (transaction) => {
      await bounds.enter(transaction, 'read');
      return work(transaction);
    }),
  );
}

/** Reads within the bounds of a session, if it has any: all statements see the same moment. */
export function readSnapshotWithin<Value>(
  db: Kysely<Tables>,
  bounds: Bounds | null,
  work: (db: Kysely<Tables>) => Promise<Value>,
): Promise<Value> {
  const snapshot = db.transaction().setIsolationLevel('repeatable read').setAccessMode('read only');
  return refusing(
    bounds,
    snapshot.execute(async (transaction) => {
      await bounds?.enter(transaction, 'read');
      return work(transaction);
    }),
  );
}

/** Writes in one transaction within the bounds of a session. */
export function writeWithin<Value>(
  db: Kysely<Tables>,
  bounds: Bounds | null,
  work: (db: Kysely<Tables>) => Promise<Value>,
): Promise<Value> {
  return refusing(
    bounds,
    db.transaction().execute(async (transaction) => {
      await bounds?.enter(transaction, 'write');
      return work(transaction);
    }),
  );
}

/**
 * Waits for work within bounds.
 *
 * @throws AccessRefusedError if the database refuses it. Without bounds (null) a refusal is a fault of the deployment, and
 * stays what it is.
 */
export async function refusing<Value>(bounds: Bounds | null, work: Promise<Value>): Promise<Value> {
  try {
    return await work;
  } catch (error) {
    if (bounds === null || !isCode(error, REFUSALS)) throw error;
    throw new AccessRefusedError('the database refuses it to this credential', { cause: error });
  }
}

/** As the policies read it: `*`, or an array of PostgreSQL, which escapes as JSON does. */
function describeSight(tenants: TenantScope): string {
  if (tenants === 'all') return '*';
  return `{${Array.from(tenants, (id) => JSON.stringify(id)).join()}}`;
}

/** Until the end of the transaction: nothing of it stays with a connection of the pool. */
function set(name: string, value: string): RawBuilder<unknown> {
  return sql`set_config(${name}, ${value}, true)`;
}
