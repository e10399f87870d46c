/** What a failure of the database means. */
export type StoreFailure =
  /** Lost a race against another transaction; the same transaction again sees its result. */
  | 'race'
  /** Text that PostgreSQL cannot hold: NUL or an unpaired surrogate. */
  | 'unstorable-text'
  /** The database is away, or cannot work. */
  | 'unavailable'
  /** A bug in this service. */
  | 'bug';

/** Five characters; error codes of sockets such as EPIPE do not start like one. */
const SQL_STATE = /^[0-9FHPX][0-9A-Z]{4}$/;
/** unique_violation, foreign_key_violation, serialization_failure, deadlock_detected */
const RACES = new Set(['23505', '23503', '40001', '40P01']);
/** untranslatable_character, invalid_text_representation, character_not_in_repertoire */
const UNSTORABLE = new Set(['22P05', '22P02', '22021']);

/** Tells the failures of PostgreSQL and PGlite apart by their SQLSTATE. */
export function classifyFailure(error: unknown): StoreFailure {
  const code = sqlState(error);
  // No SQLSTATE: sockets, timeouts of the pool, a closed or crashed PGlite.
  if (code === null) return error instanceof TypeError ? 'bug' : 'unavailable';
  if (RACES.has(code)) return 'race';
  if (UNSTORABLE.has(code)) return 'unstorable-text';
  // Connection exceptions, out of resources, operator intervention, system and internal errors,
  // a read-only replica.
  return /^(?:08|53|57|58|XX|25006)/.test(code) ? 'unavailable' : 'bug';
}

/** Whether a failure is one of these SQLSTATEs. */
export function isCode(error: unknown, codes: readonly string[]): boolean {
  const code = sqlState(error);
  return code !== null && codes.includes(code);
}

function sqlState(error: unknown): string | null {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && typeof cause.code === 'string' && SQL_STATE.test(cause.code)) {
      return cause.code;
    }
  }
  return null;
}
