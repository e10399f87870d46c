import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { lockDirectory } from '@headgate/telemetry';
import { Kysely, PGliteDialect, PostgresDialect, sql } from 'kysely';
import { Migrator } from 'kysely/migration';
import pg from 'pg';
import { MIGRATIONS } from './migrations/index.ts';
import { createPreparingPool } from './preparing-pool.ts';
import type { Tables } from './tables.ts';
import { raiseWall, type Wall } from './wall.ts';

/** Where the configuration is kept. */
export type DatabaseLocation =
  | {
      readonly kind: 'pglite';
      /** Directory of the data files, made when missing. */
      readonly directory: string;
    }
  | {
      readonly kind: 'postgres';
      /** `postgres://user:password@host:port/database` */
      readonly url: string;
      /** Connections of this replica; default 10. */
      readonly connectionsMax?: number;
    };

/** An open database. Whoever opened it closes it. */
export interface OpenDatabase {
  readonly kind: DatabaseLocation['kind'];
  readonly db: Kysely<Tables>;
  /** How the database itself keeps principals within their tenants. */
  readonly wall: Wall;
  close(): Promise<void>;
}

type Opened = Omit<OpenDatabase, 'wall'>;

/** Longest wait for a connection to PostgreSQL; below the 2 s within which a request is answered. */
const CONNECT_TIMEOUT_MS = 1500;
/** A query that a silent server never answers is given up after this time, to free its connection. */
const QUERY_TIMEOUT_MS = 10_000;
const INT8_OID = 20;

/**
 * Opens the database and brings its schema up to date.
 *
 * @param onIdleError hears of connections that break while nobody uses them; they are replaced.
 * @throws Error when the database cannot be reached or migrated, or its directory is in use.
 */
export async function openDatabase(
  location: DatabaseLocation,
  onIdleError: (error: Error) => void,
): Promise<OpenDatabase> {
  const opened =
    location.kind === 'pglite'
      ? await openPGlite(location.directory)
      : openPostgres(location.url, location.connectionsMax ?? 10, onIdleError);
  try {
    await migrate(opened.db);
    return { ...opened, wall: await raiseWall(opened.db) };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

async function openPGlite(directory: string): Promise<Opened> {
  await mkdir(directory, { recursive: true });
  const lock = await lockDirectory(directory);
  try {
    const pglite = await createPGlite(join(directory, 'pglite'));
    const db = new Kysely<Tables>({ dialect: new PGliteDialect({ pglite }) });
    const close = async () => {
      await db.destroy();
      if (!pglite.closed) await pglite.close();
      await lock.release();
    };
    return { kind: 'pglite', db, close };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** What PGlite says of damaged files ("Aborted()") helps nobody. */
async function createPGlite(directory: string): Promise<PGlite> {
  try {
    return await PGlite.create(directory);
  } catch (error) {
    const advice = 'restore it from a copy, or move it away to start empty';
    throw new Error(`the files in ${directory} cannot be used; ${advice}`, { cause: error });
  }
}

function openPostgres(
  url: string,
  connectionsMax: number,
  onIdleError: (error: Error) => void,
): Opened {
  const pool = new pg.Pool({
    connectionString: url,
    max: connectionsMax,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    idle_in_transaction_session_timeout: QUERY_TIMEOUT_MS,
    application_name: 'headgate-config-service',
    types: { getTypeParser: typeParser },
  });
  pool.on('error', onIdleError);
  const db = new Kysely<Tables>({
    dialect: new PostgresDialect({ pool: createPreparingPool(pool) }),
  });
  return { kind: 'postgres', db, close: () => db.destroy() };
}

/** Revisions and counts are far below 2^53: read int8 as a number, as PGlite does. */
function typeParser(oid: number, format?: 'text' | 'binary'): (text: string) => unknown {
  if (oid === INT8_OID) return Number;
  return pg.types.getTypeParser(oid, format) as (text: string) => unknown;
}

async function migrate(db: Kysely<Tables>): Promise<void> {
  const migrator = new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve({ ...MIGRATIONS }) },
  });
  const { error } = await migrator.migrateToLatest();
  if (error === undefined) return;
  const newer = await unknownMigrations(db).catch(() => []);
  if (newer.length === 0) throw new Error('cannot migrate the database', { cause: error });
  // Migrations go forward only: what this release would write may not fit what a newer one has made of the tables.
  throw new Error(
    `the database is that of a newer release (it has ${newer.join(', ')}): start that release, or restore a copy from before it`,
    { cause: error },
  );
}

/** Migrations that were carried out and that this release does not have. */
async function unknownMigrations(db: Kysely<Tables>): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select name from kysely_migration order by name
  `.execute(db);
  return rows.map(({ name }) => name).filter((name) => !Object.hasOwn(MIGRATIONS, name));
}
