import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startPostgres, type PostgresServer } from '@headgate/testkit';
import pg from 'pg';
import { openDatabase } from '../src/store/database.ts';
import { checkAccess } from './support/access-matrix.ts';
import { startApi } from './support/api.ts';
import { testRowLevelSecurity, type WallDatabase } from './row-level-security.case.ts';

testRowLevelSecurity({
  name: 'PGlite',
  wall: 'role',
  open: () => Promise.resolve(null),
  close: () => Promise.resolve(),
});

/** A database whose owner is no superuser; `statements` run as one before the service comes. */
function ownedDatabase(name: string, wall: WallDatabase['wall'], statements: readonly string[]) {
  let server: PostgresServer | null = null;
  return {
    name,
    wall,
    async open() {
      server = await startPostgres();
      const client = new pg.Client({ connectionString: server.url });
      await client.connect();
      for (const statement of statements) await client.query(statement);
      await client.end();
      const url = server.url.replace('headgate@', 'service@').replace('/postgres', '/config');
      return { kind: 'postgres' as const, url, connectionsMax: 3 };
    },
    async close() {
      await server?.stop();
    },
  };
}

testRowLevelSecurity(
  ownedDatabase('PostgreSQL, whose user makes the role', 'role', [
    'create role service login createrole',
    'create database config owner service',
  ]),
);

testRowLevelSecurity(
  ownedDatabase('PostgreSQL, whose user may not make roles', 'forced', [
    'create role service login',
    'create database config owner service',
  ]),
);

test('a role that was made for the service is used; who is above row-level security is told to be so', async () => {
  const database = (name: string, statements: readonly string[]) =>
    ownedDatabase(name, 'none', [...statements, 'create database config owner service']);
  const prepared = database('prepared', [
    'create role service login',
    'create role headgate_limited nologin',
    'grant headgate_limited to service',
  ]);
  const above = database('above', ['create role service login bypassrls']);
  try {
    const opened = await openDatabase(await prepared.open(), () => undefined);
    await opened.close();
    assert.equal(opened.wall, 'role');

    const location = await above.open();
    const api = await startApi({ location, authorise: () => ({ ok: true, scope: 'all' }) });
    assert.equal(api.database.wall, 'none');
    const { findings } = await checkAccess(api, {
      isAsked: (operationId) => operationId === 'listTenants',
      isAsker: ({ name }) => name === 'tenant-viewer',
      firstWallIsDown: true,
    });
    await api.close();
    assert.match(findings.join(), /leaks/, 'without any wall the matrix finds leaks');
  } finally {
    await prepared.close();
    await above.close();
  }
});
