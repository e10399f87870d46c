import { sql, type Kysely } from 'kysely';
import { classifyFailure } from './postgres-error.ts';
import type { Tables } from './tables.ts';

/** The database does not answer, or not in time. Whether a write was made is then unknown. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError';
}

/** The database refused what the application had let pass: there is a bug, and the second wall held. */
export class AccessRefusedError extends Error {
  override readonly name = 'AccessRefusedError';
}

/** A request gets its answer, or a 503, within 2 s; the rest of them is for the reply. */
export const REQUEST_DEADLINE_MS = 1800;

/**
 * Ends a wait for the database. The work itself may go on, and a write may still be made.
 *
 * @throws StoreUnavailableError after `ms`, or when the database is away.
 */
export async function withDeadline<Value>(ms: number, work: () => Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new StoreUnavailableError(`the database did not answer within ${ms} ms`));
    }, ms);
  });
  try {
    return await Promise.race([work(), expired]);
  } catch (error) {
    if (error instanceof StoreUnavailableError || error instanceof AccessRefusedError) throw error;
    if (classifyFailure(error) !== 'unavailable') throw error;
    throw new StoreUnavailableError(describe(error), { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/**
 * {@link withDeadline} for work that may take longer than a request: first asks whether the database answers at all, as one that
 * is silent is not waited for.
 */
export async function withLongDeadline<Value>(
  db: Kysely<Tables>,
  ms: number,
  work: () => Promise<Value>,
): Promise<Value> {
  await withDeadline(REQUEST_DEADLINE_MS, () => sql`select 1`.execute(db));
  return withDeadline(ms, work);
}

/** What pg-pool says when it has waited for a connection in vain. */
const POOL_TIMEOUT = 'timeout exceeded when trying to connect';

/** For the client: never what the database said itself. */
function describe(error: unknown): string {
  const waited = error instanceof Error && error.message === POOL_TIMEOUT;
  return waited
    ? 'no connection to the database became free in time: too many requests at once, or it is away'
    : 'the database is not available';
}
