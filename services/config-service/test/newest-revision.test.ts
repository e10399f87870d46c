import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startPostgres, type PostgresServer } from '@headgate/testkit';
import { ExplainNode, SelectQueryNode, sql, type KyselyPlugin } from 'kysely';
import pg from 'pg';
import type { Session, TenantScope } from '../src/access/session.ts';
import { openDatabase, type OpenDatabase } from '../src/store/database.ts';
import { boundsOf, readWithin } from '../src/store/limited-transaction.ts';
import { newestRevision } from '../src/store/newest-revision.ts';

let server: PostgresServer;
let database: OpenDatabase;

/** Many tenants, of which `quiet` last changed so long ago that its revision was forgotten. */
const ROWS = [
  `insert into documents (key, kind, id, revision, deleted, sha256, body)
    select 'tenant.t' || i, 'tenant', 't' || i, i, false, '', '{}' from generate_series(2, 5000) as i`,
  `insert into documents (key, kind, id, revision, deleted, sha256, body)
    values ('tenant.quiet', 'tenant', 'quiet', 1, false, '', '{}'),
      ('rollout.t2', 'rollout', 't2', 5001, false, '', '{}')`,
  `insert into revisions (revision, key, committed_at)
    select i, 'tenant.t' || i, now() from generate_series(2, 5000) as i`,
  `insert into revisions (revision, key, committed_at) values (5001, 'rollout.t2', now())`,
  'analyze documents, revisions',
];

before(async () => {
  server = await startPostgres();
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  await client.query('create role service login createrole');
  await client.query('create database config owner service');
  await client.end();
  const url = server.url.replace('headgate@', 'service@').replace('/postgres', '/config');
  database = await openDatabase({ kind: 'postgres', url }, () => undefined);
  for (const statement of ROWS) await sql.raw(statement).execute(database.db);
});

after(async () => {
  await database.close();
  await server.stop();
});

const sessionOf = (scope: TenantScope): Session => ({
  author: { actor: 'test', source: '', requestId: '', operation: 'test' },
  access: { role: 'viewer', tenants: scope },
  scope,
});

/** The revision that a limited session reads, and the nodes of the plan by which it is read. */
async function read(scope: TenantScope): Promise<{ revision: number; plan: string }> {
  const plan: unknown[] = [];
  const explain: KyselyPlugin = {
    transformQuery: ({ node }) =>
      SelectQueryNode.is(node) ? { ...node, explain: ExplainNode.create() } : node,
    transformResult({ result }) {
      plan.push(...result.rows.map((row) => row['QUERY PLAN']));
      return Promise.resolve(result);
    },
  };
  const bounds = boundsOf(sessionOf(scope), database.wall);
  const revision = await readWithin(database.db, bounds, async (db) => {
    await newestRevision(db.withPlugin(explain), scope);
    return newestRevision(db, scope);
  });
  return { revision, plan: plan.join('\n') };
}

test('the newest revision of all documents is read off an index, within row-level security too', async () => {
  assert.equal(database.wall, 'role');
  const { revision, plan } = await read('all');
  assert.equal(revision, 5001);
  assert.match(plan, /Index (?:Only )?Scan Backward using revisions_pkey/);
  assert.doesNotMatch(plan, /Seq Scan/);
});

test('that of some tenants is looked up by their keys, whether or not their revisions are kept', async () => {
  const cases: [string[], number][] = [
    [['quiet'], 1],
    [['quiet', 't7'], 7],
    [['t2', 't3'], 5001],
    [['nobody'], 0],
    [[], 0],
  ];
  for (const [ids, expected] of cases) {
    const { revision, plan } = await read(new Set(ids));
    assert.equal(revision, expected, ids.join());
    assert.match(plan, /using documents_pkey|on documents_pkey/, ids.join());
    assert.doesNotMatch(plan, /Seq Scan/);
  }
});
