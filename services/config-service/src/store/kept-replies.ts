import { randomUUID } from 'node:crypto';
import type { Clock } from '@headgate/runtime';
import { sql, type Kysely } from 'kysely';
import { REQUEST_DEADLINE_MS, withDeadline } from './deadline.ts';
import type { Refusal } from './outcome.ts';
import type { Tables } from './tables.ts';

/** A write with an Idempotency-Key. */
export interface RepeatableRequest {
  /** Names who asks, and with which rights; keys of others are other keys. */
  readonly asker: string;
  readonly key: string;
  /** Differs for every other request. */
  readonly fingerprint: string;
}

/** What a claim found. */
export type Claiming =
  | { readonly outcome: 'claimed'; readonly claim: ReplyClaim }
  /** The request was answered, with this text. */
  | { readonly outcome: 'kept'; readonly reply: string }
  /** The same request is under way. */
  | { readonly outcome: 'busy' }
  /** The key was used for another request. */
  | { readonly outcome: 'mismatch' };

/** The right to answer a request; the reply is kept in the transaction of the change that it tells of. */
export interface ReplyClaim {
  /**
   * Keeps the reply. Null if it is kept; a refusal, after which the transaction must be rolled back, if the claim has lapsed
   * and somebody else has it, or the reply is too large.
   *
   * @param within the transaction; without one the reply is kept at once.
   */
  keep(reply: string, within?: Kysely<Tables>): Promise<Refusal | null>;
  /** Gives the key back unless a reply is kept: nothing was done. */
  release(): Promise<void>;
}

/** Keeps the reply to a change in its transaction; with a refusal this must be rolled back. */
export type KeepWithin<Value> = (db: Kysely<Tables>, value: Value) => Promise<Refusal | null>;

/** The replies to writes with an Idempotency-Key. Rejects with StoreUnavailableError when the database is away. */
export interface KeptReplies {
  /**
   * Claims a key for a request.
   *
   * @param busyMs how long nobody else may have it while no reply is kept. When that has passed the next one takes it, and
   * this one, should it still be at work, cannot commit any more.
   */
  claim(request: RepeatableRequest, busyMs: number): Promise<Claiming>;
  /** Forgets the replies that have expired, and the oldest of askers with too many; at most 10,000 expired ones per call. */
  forgetOld(): Promise<void>;
}

/** Bounds of {@link createKeptReplies}. */
export interface KeptRepliesOptions {
  /** How long a reply is kept. Default 24 hours. */
  readonly keptMs?: number;
  /** Replies of one asker that are left after {@link KeptReplies.forgetOld}. Default 10,000. */
  readonly repliesPerAskerMax?: number;
  /** Longest reply. Default 64 Mi characters; the database compresses them. */
  readonly replyCharsMax?: number;
}

const KEPT_MS = 24 * 3600 * 1000;
const REPLIES_PER_ASKER_MAX = 10_000;
const REPLY_CHARS_MAX = 64 * 1024 * 1024;

/** Creates the kept replies of a database. */
export function createKeptReplies(
  { clock }: { readonly clock: Clock },
  db: Kysely<Tables>,
  options: KeptRepliesOptions = {},
): KeptReplies {
  const { keptMs = KEPT_MS, repliesPerAskerMax = REPLIES_PER_ASKER_MAX } = options;
  const replyCharsMax = options.replyCharsMax ?? REPLY_CHARS_MAX;
  return {
    claim: (request, busyMs) =>
      withDeadline(REQUEST_DEADLINE_MS, async () => {
        const claim = randomUUID();
        const taken = await insert(db, request, { claim, busyMs, keptMs, nowMs: clock.nowMs() });
        if (taken) {
          return { outcome: 'claimed', claim: createClaim(db, request, claim, replyCharsMax) };
        }
        const found = await db
          .selectFrom('kept_replies')
          .select(['fingerprint', 'reply'])
          .where('asker', '=', request.asker)
          .where('key', '=', request.key)
          .executeTakeFirst();
        // None: it was released just now. The next try gets it.
        if (found === undefined) return { outcome: 'busy' };
        if (found.fingerprint !== request.fingerprint) return { outcome: 'mismatch' };
        return found.reply === null ? { outcome: 'busy' } : { outcome: 'kept', reply: found.reply };
      }),
    async forgetOld() {
      await forgetExpired(db, new Date(clock.nowMs()));
      await forgetSurplus(db, repliesPerAskerMax);
    },
  };
}

interface NewClaim {
  readonly claim: string;
  readonly busyMs: number;
  readonly keptMs: number;
  readonly nowMs: number;
}

/** Whether the key was free, or is free again. */
async function insert(
  db: Kysely<Tables>,
  { asker, key, fingerprint }: RepeatableRequest,
  { claim, busyMs, keptMs, nowMs }: NewClaim,
): Promise<boolean> {
  const [now, busyUntil, expiresAt] = [0, busyMs, keptMs].map((ms) =>
    new Date(nowMs + ms).toISOString(),
  );
  const { rows } = await sql`
    insert into kept_replies (asker, key, fingerprint, claim, busy_until, expires_at) values
      (${asker}, ${key}, ${fingerprint}, ${claim}::uuid, ${busyUntil}::timestamptz, ${expiresAt}::timestamptz)
    on conflict (asker, key) do update set fingerprint = excluded.fingerprint, claim = excluded.claim,
      busy_until = excluded.busy_until, expires_at = excluded.expires_at, reply = null
    where kept_replies.expires_at <= ${now}::timestamptz
      or (kept_replies.reply is null and kept_replies.busy_until <= ${now}::timestamptz)
    returning key
  `.execute(db);
  return rows.length === 1;
}

function createClaim(
  db: Kysely<Tables>,
  { asker, key }: RepeatableRequest,
  claim: string,
  replyCharsMax: number,
): ReplyClaim {
  return {
    async keep(reply, within = db) {
      if (reply.length > replyCharsMax) return TOO_LARGE;
      const kept = await within
        .updateTable('kept_replies')
        .set({ reply })
        .where('asker', '=', asker)
        .where('key', '=', key)
        .where('claim', '=', claim)
        .returning('key')
        .executeTakeFirst();
      return kept === undefined ? LAPSED : null;
    },
    async release() {
      await withDeadline(REQUEST_DEADLINE_MS, () =>
        db
          .deleteFrom('kept_replies')
          .where('asker', '=', asker)
          .where('key', '=', key)
          .where('claim', '=', claim)
          .where('reply', 'is', null)
          .execute(),
      );
    },
  };
}

const TOO_LARGE: Refusal = {
  reason: 'invalid',
  faults: [
    {
      path: '',
      rule: 'the reply is too large to be kept for its Idempotency-Key; write less at once, or leave the key out',
    },
  ],
};
const LAPSED: Refusal = {
  reason: 'conflict',
  faults: [
    {
      path: '',
      rule: 'the request took so long that a repetition with its Idempotency-Key has replaced it',
    },
  ],
};

async function forgetExpired(db: Kysely<Tables>, now: Date): Promise<void> {
  await sql`
    delete from kept_replies where (asker, key) in (
      select asker, key from kept_replies where expires_at <= ${now.toISOString()}::timestamptz
      order by expires_at limit 10000
    )
  `.execute(db);
}

async function forgetSurplus(db: Kysely<Tables>, repliesMax: number): Promise<void> {
  await sql`
    delete from kept_replies using (
      select asker, (
        select expires_at from kept_replies as one where one.asker = everyone.asker
        order by expires_at desc offset ${repliesMax}::integer limit 1
      ) as surplus
      from kept_replies as everyone group by asker having count(*) > ${repliesMax}::integer
    ) as noisy
    where kept_replies.asker = noisy.asker and kept_replies.expires_at <= noisy.surplus
  `.execute(db);
}
