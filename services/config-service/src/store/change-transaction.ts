import type { Kysely } from 'kysely';
import { makeChanges, type AuthorRules, type ChangeOptions, type Edits } from './commit.ts';
import type { KeepWithin } from './kept-replies.ts';
import { newestRevision } from './newest-revision.ts';
import { accept, refuse, type Committed, type Outcome } from './outcome.ts';
import { refusing, type Bounds } from './limited-transaction.ts';
import { classifyFailure } from './postgres-error.ts';
import type { Tables } from './tables.ts';
import type { Author } from './write-changes.ts';

/** Options of a change. */
export interface StoreChangeOptions extends Omit<ChangeOptions, keyof AuthorRules> {
  /** Do everything but keep nothing. */
  readonly dryRun?: boolean;
  /** Longest wait; default 1.8 s. */
  readonly deadlineMs?: number;
  /** Keeps the reply in the transaction, which is rolled back if it cannot be kept. Not called in a dry run. */
  readonly keep?: KeepWithin<Committed>;
}

type Options = StoreChangeOptions &
  AuthorRules & {
    /** The second wall around the author; null: none. */
    readonly bounds: Bounds | null;
  };

/** Races lost in a row before giving up; each attempt sees what the one before it lost against. */
const ATTEMPTS_MAX = 8;

/** Makes changes in a transaction of its own, again if another one was in the way. */
export async function changeWithRetries(
  db: Kysely<Tables>,
  edits: Edits,
  author: Author,
  options: Options,
): Promise<Outcome<Committed>> {
  const isDry = options.dryRun === true;
  const outcome = await transact(
    db,
    (transaction) => makeChanges(transaction, edits, author, options),
    {
      bounds: options.bounds,
      keep: isDry ? undefined : options.keep,
      commits: ({ documents }) =>
        !isDry &&
        (documents.length > 0 || options.keep !== undefined || options.declares !== undefined),
    },
  );
  if (!outcome.ok || !isDry) return outcome;
  // The revisions taken went with the transaction. Everybody may know the newest one of all.
  return accept({ ...outcome.value, revision: await newestRevision(db, 'all') });
}

/** Options of {@link transact}. */
export interface TransactOptions<Value> {
  /** The second wall around the author; null: none. */
  readonly bounds?: Bounds | null;
  /** Keeps the reply in the transaction, which is rolled back if it cannot be kept. */
  readonly keep?: KeepWithin<Value> | undefined;
  /** Whether there is something to commit; default: always. */
  readonly commits?: (value: Value) => boolean;
}

/**
 * Runs work in a transaction of its own, again if another one was in the way. A refusal leaves nothing behind.
 *
 * @throws AccessRefusedError if the database refuses the work to the author.
 */
export async function transact<Value>(
  db: Kysely<Tables>,
  work: (transaction: Kysely<Tables>) => Promise<Outcome<Value>>,
  options: TransactOptions<Value> = {},
): Promise<Outcome<Value>> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await refusing(options.bounds ?? null, transactOnce(db, work, options));
    } catch (error) {
      const failure = classifyFailure(error);
      if (failure === 'unstorable-text') {
        const rule = 'text must not hold NUL characters or unpaired surrogates';
        return refuse({ reason: 'invalid', faults: [{ path: '', rule }] });
      }
      if (failure !== 'race' || attempt === ATTEMPTS_MAX) throw error;
    }
  }
}

async function transactOnce<Value>(
  db: Kysely<Tables>,
  work: (transaction: Kysely<Tables>) => Promise<Outcome<Value>>,
  { bounds = null, keep, commits = () => true }: TransactOptions<Value>,
): Promise<Outcome<Value>> {
  const transaction = await db.startTransaction().execute();
  try {
    await bounds?.enter(transaction, 'write');
    const done = await work(transaction);
    const refusal = done.ok ? ((await keep?.(transaction, done.value)) ?? null) : null;
    const outcome = refusal === null ? done : refuse(refusal);
    if (outcome.ok && commits(outcome.value)) await transaction.commit().execute();
    else await transaction.rollback().execute();
    return outcome;
  } catch (error) {
    if (!transaction.isCommitted && !transaction.isRolledBack) {
      // The first failure tells more than that of a rollback on a broken connection.
      await transaction
        .rollback()
        .execute()
        .catch(() => undefined);
    }
    throw error;
  }
}
