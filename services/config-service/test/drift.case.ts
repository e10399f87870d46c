import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '@headgate/runtime';
import { sql } from 'kysely';
import { startDriftWatch } from '../src/drift/drift-watch.ts';
import { buildTenantDocument } from '../src/publish/build-document.ts';
import { readChangeMark } from '../src/store/commit.ts';
import { newestRevision } from '../src/store/newest-revision.ts';
import { takeRevisions, writeDocuments } from '../src/store/documents.ts';
import { NO_TENANT } from '../src/store/state.ts';
import { createSend, type Send, type TestApi } from './support/api.ts';

const upstreams = { api: { endpoints: [{ host: '10.0.0.1', port: 80 }] } };
const DECLARED = {
  apiVersion: 'headgate/v1',
  plans: { 'drift-plan': {} },
  tenants: {
    'drift-a': { planId: 'drift-plan', upstreams, apiKeys: { ci: { sha256: 'd'.repeat(64) } } },
    'drift-b': { planId: 'drift-plan', name: 'B' },
  },
};

/** What the declared state keeps to on every database; there is a plan named `base`. */
export function testDrift(api: () => TestApi): void {
  const send: Send = (...request) => api().send(...request);

  /** Looks for drift as a replica that has just got the lease; tells what it reports. */
  async function look(): Promise<string[]> {
    const events: string[] = [];
    const watch = startDriftWatch({
      clock: systemClock,
      store: api().store,
      lease: { held: true },
      observer: {
        onBegin: ({ changes }) => events.push(`begin ${changes.map(({ id }) => id).join()}`),
        onEnd: () => events.push('end'),
        onFailure: (error) => events.push(String(error)),
      },
    });
    // It looks at once, and its close waits for that.
    await watch.close();
    return events;
  }

  async function createToken(id: string, spec: object): Promise<Send> {
    const { body } = await send('POST', `/v1/access-tokens/${id}`, spec);
    return createSend(api().url, String(body['token']));
  }

  test('drift: nothing is declared, and nothing drifts', async () => {
    const { status, body } = await send('GET', '/v1/drift');
    assert.deepEqual([status, body['declared'], body['drift']], [200, null, false]);
    assert.deepEqual(await look(), []);
  });

  test('drift: declared by apply, told once when it begins and once when it ends', async () => {
    const dry = await send('POST', '/v1/apply?declare=true&dryRun=true', DECLARED);
    assert.equal(dry.status, 200);
    assert.equal((await send('GET', '/v1/drift')).body['declared'], null, 'a dry run');
    const key = { 'idempotency-key': '"drift"' };
    assert.equal((await send('POST', '/v1/apply?declare=true', DECLARED, key)).status, 200);
    const replayed = await send('POST', '/v1/apply?declare=true', DECLARED, key);
    assert.equal(replayed.headers.get('headgate-replayed'), 'true');
    const clean = await send('GET', '/v1/drift');
    const { by } = clean.body['declared'] as { readonly by: string };
    assert.deepEqual([by, clean.body['drift'], clean.body['since']], ['admin', false, null]);
    assert.deepEqual(await look(), []);

    await send('PUT', '/v1/tenants/drift-a/upstreams/extra', upstreams.api);
    await send('POST', '/v1/tenants/drift-a/api-keys/made-by-hand', {});
    await send('PUT', '/v1/tenants/drift-b', { planId: 'drift-plan', name: 'by hand' });
    await send('PUT', '/v1/tenants/drift-undeclared', { planId: 'base' });
    assert.deepEqual(await look(), ['begin extra,drift-b']);
    assert.deepEqual(await look(), [], 'another replica says nothing again');
    const { body } = await send('GET', '/v1/drift');
    assert.deepEqual(
      [body['drift'], body['missing'], body['different'], body['notDeclared']],
      [true, 0, 1, 1],
    );
    assert.ok(Date.parse(String(body['since'])) <= Date.now());

    // Applied again without a change of its own to declare: it is as declared again.
    assert.equal((await send('POST', '/v1/apply', DECLARED)).status, 200);
    assert.deepEqual(await look(), ['end']);
    assert.deepEqual(await look(), []);
  });

  test('drift: a bundle that changes nothing is declared too', async () => {
    const only = { ...DECLARED, tenants: {} };
    const { body } = await send('POST', '/v1/apply?declare=true', only);
    assert.equal((body['changes'] as unknown[]).length, 1);
    await send('DELETE', '/v1/tenants/drift-b');
    assert.equal((await send('GET', '/v1/drift')).body['drift'], false);
    await send('POST', '/v1/apply?declare=true', DECLARED);
  });

  test('drift: a shared upstream that differs, also from what a release without them declared', async () => {
    const shared = { 'drift-shared': upstreams.api };
    await send('POST', '/v1/apply?declare=true', { ...DECLARED, upstreams: shared });
    const other = { endpoints: [{ host: '10.0.0.2', port: 80 }] };
    await send('PUT', '/v1/upstreams/drift-shared', other);
    const { body } = await send('GET', '/v1/drift');
    const changes = body['changes'] as readonly Record<string, unknown>[];
    assert.deepEqual(
      changes.map(({ action, kind, id }) => [action, kind, id]),
      [['update', 'sharedUpstream', 'drift-shared']],
    );
    await send('POST', '/v1/apply?declare=true', DECLARED);
    await sql`update declaration set bundle = (bundle::jsonb - 'upstreams')::text,
      revision = revision + 1`.execute(api().database.db);
    assert.equal((await send('GET', '/v1/drift')).body['drift'], false);
    await send('DELETE', '/v1/upstreams/drift-shared');
  });

  test('drift: a commit of an older revision after a newer one is noticed', async () => {
    const { db } = api().database;
    const [older = 0] = await takeRevisions(db, 1);
    await send('PUT', '/v1/tenants/drift-undeclared', { planId: 'base', name: 'newer' });
    const transaction = await db.startTransaction().execute();
    try {
      const [newest, mark] = [
        await newestRevision(transaction, 'all'),
        await readChangeMark(transaction),
      ];
      assert.ok(newest > older);
      assert.equal(await readChangeMark(transaction), mark, 'nothing has changed');
      const late = buildTenantDocument('drift-late', NO_TENANT, older);
      await writeDocuments(transaction, [late], new Date(), { restored: false });
      assert.equal(await newestRevision(transaction, 'all'), newest);
      assert.notEqual(await readChangeMark(transaction), mark);
    } finally {
      await transaction.rollback().execute();
    }
  });

  test('drift: a declaration is read and parsed once, however many ask', async () => {
    const { declaration } = api().store;
    const [one, two] = await Promise.all([declaration.get(), declaration.get()]);
    assert.ok(one !== null);
    assert.equal(one.bundle, two?.bundle, 'the same object');
    await declaration.markDrift(one.revision, new Date(1000));
    const marked = await declaration.get();
    assert.deepEqual([marked?.bundle === one.bundle, marked?.driftedAt], [true, new Date(1000)]);
    await declaration.markDrift(one.revision, null);
    await send('POST', '/v1/apply?declare=true', { ...DECLARED, tenants: {} });
    const next = await declaration.get();
    assert.deepEqual([next?.bundle.tenants, next?.driftedAt], [{}, null]);
    assert.equal(await declaration.markDrift(one.revision, new Date()), false, 'of another one');
    await send('POST', '/v1/apply?declare=true', DECLARED);
  });

  test('drift: the later tenant of an id hears nothing of what the deleted one was declared to be', async () => {
    const ask = await createToken('drift-first', { role: 'viewer', tenants: ['drift-a'] });
    const other = { endpoints: [{ host: '10.0.0.2', port: 80 }] };
    await send('PUT', '/v1/tenants/drift-a/upstreams/api', other);
    assert.equal((await look()).length, 1);
    const own = await ask('GET', '/v1/drift');
    assert.deepEqual([own.body['different'], own.body['since']], [1, null]);
    assert.match(JSON.stringify(own.body), /10[.]0[.]0[.]1/);
    await send('DELETE', '/v1/tenants/drift-a');
    const { body } = await send('GET', '/v1/tenants/drift-a/history');
    const [, before] = body['items'] as readonly { readonly revision: number }[];
    const back = { revision: before?.revision ?? 0 };
    assert.equal((await send('POST', '/v1/tenants/drift-a/rollback', back)).status, 200);
    const again = await createToken('drift-again', { role: 'viewer', tenants: ['drift-a'] });
    assert.equal((await again('GET', '/v1/drift')).body['different'], 1, 'the same one is back');

    await send('DELETE', '/v1/tenants/drift-a');
    await send('PUT', '/v1/tenants/drift-a', { planId: 'base', name: 'of somebody else' });
    await send('PUT', '/v1/tenants/drift-a/upstreams/api', other);
    const later = await createToken('drift-later', { role: 'viewer', tenants: ['drift-a'] });
    const told = await later('GET', '/v1/drift');
    assert.deepEqual([told.status, told.body['drift'], told.body['changes']], [200, false, []]);
    const whole = await send('GET', '/v1/drift');
    assert.match(JSON.stringify(whole.body['changes']), /10[.]0[.]0[.]1/, 'the platform does');
    // Declared again it is about the later one.
    await send('POST', '/v1/apply?declare=true', DECLARED);
    await send('DELETE', '/v1/tenants/drift-a/upstreams/api');
    assert.equal((await later('GET', '/v1/drift')).body['missing'], 1);
    await send('POST', '/v1/apply', DECLARED);
    assert.deepEqual(await look(), ['end']);
  });

  test('drift: the audit tells who declares, also what changes nothing, and who ends it', async () => {
    const newest = async (): Promise<unknown[]> => {
      const { body } = await send('GET', '/v1/audit?limit=1');
      const [row] = body['items'] as readonly Readonly<Record<string, unknown>>[];
      return [row?.['kind'], row?.['action'], row?.['operation'], row?.['actor'], row?.['changes']];
    };
    const size = [
      { path: 'plans', after: 1 },
      { path: 'tenants', after: 2 },
      { path: 'upstreams', after: 0 },
    ];
    await send('POST', '/v1/apply', DECLARED);
    await send('POST', '/v1/apply?declare=true', DECLARED);
    assert.deepEqual(await newest(), ['declaration', 'update', 'apply', 'admin', size]);
    await send('DELETE', '/v1/declaration');
    const ended = ['declaration', 'delete', 'deleteDeclaration', 'admin', []];
    assert.deepEqual(await newest(), ended);
    await send('POST', '/v1/apply?declare=true', DECLARED);
    assert.deepEqual(await newest(), ['declaration', 'create', 'apply', 'admin', size]);
    const key = { 'idempotency-key': '"drift-end"' };
    await send('DELETE', '/v1/declaration', undefined, key);
    await send('POST', '/v1/apply?declare=true', DECLARED);
    const repeated = await send('DELETE', '/v1/declaration', undefined, key);
    assert.deepEqual([repeated.status, repeated.headers.get('headgate-replayed')], [204, 'true']);
    assert.deepEqual(await newest(), ['declaration', 'create', 'apply', 'admin', size]);
  });

  test('drift: a principal sees that of its own tenants, and only the platform declares', async () => {
    await send('DELETE', '/v1/tenants/drift-b');
    const ofA = await createToken('drift-viewer-a', { role: 'viewer', tenants: ['drift-a'] });
    const ofB = await createToken('drift-viewer-b', { role: 'viewer', tenants: ['drift-b'] });
    const all = await createToken('drift-viewer', { role: 'viewer', tenants: '*' });
    const seen = await Promise.all([ofA, ofB, all].map((ask) => ask('GET', '/v1/drift')));
    assert.deepEqual(
      seen.map(({ status, body }) => [status, body['drift'], body['missing']]),
      [
        [200, false, 0],
        [200, true, 1],
        [200, true, 1],
      ],
    );
    const admin = await createToken('drift-admin', { role: 'tenant_admin', tenants: ['drift-a'] });
    const own = { ...DECLARED, plans: {}, tenants: { 'drift-a': DECLARED.tenants['drift-a'] } };
    const refused = await admin('POST', '/v1/apply?declare=true', own);
    assert.deepEqual([refused.status, refused.body['code']], [403, 'HG_API_FORBIDDEN']);
    assert.equal((await admin('DELETE', '/v1/declaration')).status, 403);
    assert.equal((await send('DELETE', '/v1/declaration')).status, 204);
    assert.equal((await send('GET', '/v1/drift')).body['declared'], null);
    const audited = '/v1/audit?limit=1&action=delete';
    const { body } = await send('GET', audited);
    assert.equal((await send('DELETE', '/v1/declaration')).status, 204, 'nothing is declared');
    assert.deepEqual((await send('GET', audited)).body, body);
  });
}
