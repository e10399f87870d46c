import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  createFaultProxy,
  startPostgres,
  waitFor,
  type FaultProxy,
  type PostgresServer,
} from '@headgate/testkit';
import { Kysely, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import { createPreparingPool } from '../src/store/preparing-pool.ts';

const QUERY_TIMEOUT_MS = 1000;
const NOTHING = Buffer.alloc(0);

let postgres: PostgresServer;
let proxy: FaultProxy;
/** Connections, counted from 1, that say nothing more. */
const silent = new Set<number>();

before(async () => {
  postgres = await startPostgres();
  let accepted = 0;
  proxy = await createFaultProxy({
    port: postgres.port,
    edit: (direction) => {
      if (direction === 'toServer') accepted += 1;
      const connection = accepted;
      return (chunk) => (silent.has(connection) ? NOTHING : chunk);
    },
  });
});

after(async () => {
  await proxy.close();
  await postgres.stop();
});

/** A database whose newest connection is `connection`, which has answered and is about to fall silent. */
async function openDatabase(): Promise<{ db: Kysely<unknown>; connection: number }> {
  const pool = new pg.Pool({
    connectionString: postgres.url.replace(String(postgres.port), String(proxy.port)),
    max: 4,
    query_timeout: QUERY_TIMEOUT_MS,
  });
  pool.on('error', () => undefined);
  const db = new Kysely<unknown>({
    dialect: new PostgresDialect({ pool: createPreparingPool(pool) }),
  });
  await read(db);
  return { db, connection: proxy.acceptedCount };
}

async function read(db: Kysely<unknown>): Promise<number | undefined> {
  const { rows } = await sql<{ value: number }>`select ${1}::int4 as value`.execute(db);
  return rows[0]?.value;
}

test('a connection on which a query got no answer is not handed out again', async () => {
  const { db, connection } = await openDatabase();
  try {
    silent.add(connection);
    await assert.rejects(read(db), /Query read timeout/);
    assert.equal(await read(db), 1);
    assert.equal(proxy.acceptedCount, connection + 1);
    await waitFor(() => proxy.connectionCount === 1, { message: 'the silent connection to end' });
  } finally {
    await db.destroy();
  }
});

test('a transaction on it waits for one answer, not for that to its rollback too', async () => {
  const { db, connection } = await openDatabase();
  try {
    let asked = 0;
    const transaction = db.transaction().execute(async (within) => {
      silent.add(connection);
      asked = performance.now();
      await read(within);
    });
    await assert.rejects(transaction, /Query read timeout/);
    const waitedMs = performance.now() - asked;
    assert.ok(waitedMs < 2 * QUERY_TIMEOUT_MS, `${waitedMs} ms`);
    assert.equal(await read(db), 1);
  } finally {
    await db.destroy();
  }
});

test('a connection that ends between two queries of a transaction fails the transaction, and nothing else', async () => {
  const { db } = await openDatabase();
  try {
    const transaction = db.transaction().execute(async (within) => {
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(within);
      await sql`select pg_terminate_backend(${rows[0]?.pid})`.execute(db);
      await waitFor(() => proxy.connectionCount === 1, { message: 'the connection to end' });
      await read(within);
    });
    await assert.rejects(transaction, /terminating connection/);
    assert.equal(await read(db), 1);
  } finally {
    await db.destroy();
  }
});

test('what the server refuses leaves its connection in use', async () => {
  const { db, connection } = await openDatabase();
  try {
    await assert.rejects(sql`select 1 / ${0}::int4`.execute(db), /division by zero/);
    assert.equal(await read(db), 1);
    assert.equal(proxy.acceptedCount, connection);
  } finally {
    await db.destroy();
  }
});
