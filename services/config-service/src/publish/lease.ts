import { fullJitterMs, type Random } from '@headgate/runtime';
import pg from 'pg';
import { OUTBOX_CHANNEL } from '../store/documents.ts';

/** The right to publish. One replica at a time has it. */
export interface Lease {
  /** Whether this process has it now. */
  readonly held: boolean;
  close(): Promise<void>;
}

/** PGlite: the lock on its directory makes this process the only one. */
export const SOLE_LEASE: Lease = { held: true, close: () => Promise.resolve() };

/** "headgate" in ASCII: the advisory lock that stands for the lease. */
const LOCK_ID = '7522537965568947301';
/** How often a replica that waits asks, and one that leads makes sure that it still does. */
const CHECK_MS = 1000;
const ANSWER_TIMEOUT_MS = 1500;
const RETRY_CAP_MS = 2000;
/**
 * PostgreSQL ends the session of a holder that it has not heard of for this time: longer than a holder that is cut off
 * takes to stop leading.
 */
const SILENCE_MAX_MS = 5000;
/** What ends such a session: the first from PostgreSQL 14 on, the others where the machine is gone with its connections. */
const SESSION_SETTINGS: Readonly<Record<string, number>> = {
  idle_session_timeout: SILENCE_MAX_MS,
  tcp_user_timeout: SILENCE_MAX_MS,
  tcp_keepalives_idle: 2,
  tcp_keepalives_interval: 1,
  tcp_keepalives_count: 3,
};

/**
 * Competes for the lease with a session-level advisory lock on a connection of its own, which
 * PostgreSQL gives up when the connection or the process ends, or is silent for 5 s. The same connection
 * listens for commits of all replicas, so that whichever leads publishes at once.
 *
 * Should a leader be cut off without noticing, it stops leading after at most 2.5 s; a document that
 * it sends late carries its old revision, which edges refuse.
 *
 * @param onWake called on every commit of any replica, and when the lease was won.
 */
export function createPostgresLease(
  deps: { readonly random: Random },
  url: string,
  onWake: () => void,
): Lease {
  let held = false;
  let client: pg.Client | null = null;
  const closing = new AbortController();

  async function compete(): Promise<void> {
    const connection = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: ANSWER_TIMEOUT_MS,
      query_timeout: ANSWER_TIMEOUT_MS,
      application_name: 'headgate-config-service lease',
    });
    client = connection;
    const broken = new Promise<void>((resolve) => {
      connection.on('error', () => resolve()); // a connection may tell of its end more than once
      connection.once('end', () => resolve());
    });
    try {
      await connection.connect();
      connection.on('notification', onWake);
      await endWhenSilent(connection);
      await connection.query(`listen ${OUTBOX_CHANNEL}`);
      while (!closing.signal.aborted) {
        if (held) await connection.query('select 1');
        else if (await tryLock(connection)) {
          held = true;
          onWake();
        }
        await Promise.race([pause(CHECK_MS, closing.signal), broken]);
      }
    } finally {
      held = false;
      client = null;
      await connection.end().catch(() => undefined);
    }
  }

  async function run(): Promise<void> {
    for (let attempt = 0; !closing.signal.aborted; attempt++) {
      const startedMs = performance.now();
      // A lost connection is the expected end; the pool of the store reports that PostgreSQL is away.
      await compete().catch(() => undefined);
      if (performance.now() - startedMs > RETRY_CAP_MS) attempt = 0;
      await pause(50 + fullJitterMs(deps.random, attempt, 100, RETRY_CAP_MS), closing.signal);
    }
  }

  const running = run();
  return {
    get held() {
      return held;
    },
    async close() {
      closing.abort();
      await client?.end().catch(() => undefined);
      await running;
    },
  };
}

/** Has PostgreSQL end the session of a silent holder. Settings that it does not know are left out: then it takes longer. */
async function endWhenSilent(connection: pg.Client): Promise<void> {
  const names = Object.keys(SESSION_SETTINGS);
  const values = Object.values(SESSION_SETTINGS).map(String);
  await connection.query(
    `select set_config(name, value, false)
       from unnest($1::text[], $2::text[]) as wanted (name, value) join pg_settings using (name)`,
    [names, values],
  );
}

async function tryLock(connection: pg.Client): Promise<boolean> {
  const { rows } = await connection.query<{ won: boolean }>(
    `select pg_try_advisory_lock(${LOCK_ID}) as won`,
  );
  return rows[0]?.won ?? false;
}

/** Resolves after `ms`, or when `signal` fires. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}
