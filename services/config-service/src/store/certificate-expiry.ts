import { sql, type Kysely } from 'kysely';
import type { Tables } from './tables.ts';

/** Days within which certificates that expire are counted. */
export const EXPIRY_DAYS = [1, 7, 14, 30] as const;

const DAY_MS = 86_400_000;

/** When certificates expire. */
export interface CertificateExpiry {
  /** The soonest, ms since the epoch; null if there is none. It may be over. */
  readonly soonestMs: number | null;
  /** How many expire within so many days, those that have expired included. */
  readonly within: readonly { readonly days: number; readonly count: number }[];
}

/** Reads it from an index. */
export async function readCertificateExpiry(
  db: Kysely<Tables>,
  nowMs: number,
): Promise<CertificateExpiry> {
  const counts = EXPIRY_DAYS.map((days) => {
    const until = new Date(nowMs + days * DAY_MS).toISOString();
    return sql`(select count(*)::int from certificates where not_after <= ${until})`;
  });
  const { rows } = await sql<{ soonest: string | null; counts: number[] }>`
    select (select min(not_after) from certificates) as soonest, array[${sql.join(counts)}] as counts
  `.execute(db);
  const { soonest = null, counts: found = [] } = rows[0] ?? {};
  return {
    soonestMs: soonest === null ? null : Date.parse(soonest),
    within: EXPIRY_DAYS.map((days, index) => ({ days, count: found[index] ?? 0 })),
  };
}
