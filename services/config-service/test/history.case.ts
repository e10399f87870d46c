import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sql } from 'kysely';
import { createHistory, HISTORY_REVISIONS_MAX } from '../src/store/history.ts';
import { faults, type ApiReply, type Send, type TestApi } from './support/api.ts';

interface Entry {
  readonly revision: number;
  readonly actor: string;
  readonly operation: string;
  readonly requestId: string;
  readonly rolledBackTo: number | null;
  readonly deleted: boolean;
  readonly changeCount: number;
  readonly changes: readonly {
    readonly action: string;
    readonly kind: string;
    readonly id: string;
    readonly fields: readonly string[];
  }[];
}

/** What the history of tenants keeps to on every database; there is a plan named `base`. */
export function testHistory(api: () => TestApi): void {
  const send: Send = (...request) => api().send(...request);
  const endpoints = (port: number) => ({ endpoints: [{ host: '10.0.0.1', port }] });

  async function succeed(...request: Parameters<Send>): Promise<ApiReply> {
    const reply = await send(...request);
    assert.ok(reply.status < 300, `${request[0]} ${request[1]}: ${JSON.stringify(reply.body)}`);
    return reply;
  }

  /** Entries of the history, newest first. */
  async function history(id: string): Promise<readonly Entry[]> {
    const { body } = await succeed('GET', `/v1/tenants/${id}/history?limit=500`);
    return body['items'] as readonly Entry[];
  }

  async function newest(id: string): Promise<number> {
    return (await history(id))[0]?.revision ?? 0;
  }

  /** The whole configuration of a tenant at a revision. */
  async function at(id: string, revision: number): Promise<Record<string, unknown>> {
    const { body } = await succeed('GET', `/v1/tenants/${id}/history/${revision}`);
    return body['tenant'] as Record<string, unknown>;
  }

  /** A tenant with an upstream and a route. */
  async function onboard(id: string): Promise<number> {
    const tenant = `/v1/tenants/${id}`;
    await succeed('PUT', tenant, { planId: 'base', identity: { hosts: [`${id}.example`] } });
    await succeed('PUT', `${tenant}/upstreams/api`, endpoints(80));
    const route = await succeed('PUT', `${tenant}/routes/web`, { upstreamId: 'api' });
    return Number(route.body['revision']);
  }

  const rollback = (id: string, body: object, query = '', headers = {}) =>
    send('POST', `/v1/tenants/${id}/rollback${query}`, body, headers);

  test('history: every write of a tenant is a revision that says who changed what', async () => {
    const last = await onboard('told');
    await succeed('PUT', '/v1/tenants/told/routes/web', { upstreamId: 'api' });
    const reply = await succeed('PUT', '/v1/tenants/told/routes/web', {
      upstreamId: 'api',
      retries: 3,
    });
    const entries = await history('told');
    assert.equal(entries.length, 4, 'the unchanged write is none');
    assert.deepEqual(
      entries.map(({ operation, changes }) => [operation, changes]),
      [
        ['putRoute', [{ action: 'update', kind: 'route', id: 'web', fields: ['retries'] }]],
        ['putRoute', [{ action: 'create', kind: 'route', id: 'web', fields: [] }]],
        ['putUpstream', [{ action: 'create', kind: 'upstream', id: 'api', fields: [] }]],
        ['putTenant', [{ action: 'create', kind: 'tenant', id: 'told', fields: [] }]],
      ],
    );
    assert.equal(entries[0]?.revision, Number(reply.body['revision']));
    assert.equal(entries[0]?.requestId, reply.headers.get('x-request-id'));
    assert.equal(entries[0]?.actor, 'admin');
    assert.equal(entries[1]?.revision, last);
  });

  test('history: pages go on where the last one ended, also while revisions are added', async () => {
    await onboard('paged');
    const first = await succeed('GET', '/v1/tenants/paged/history?limit=2');
    await succeed('PUT', '/v1/tenants/paged/upstreams/api', endpoints(81));
    const cursor = String(first.body['nextCursor']);
    const second = await succeed('GET', `/v1/tenants/paged/history?limit=2&cursor=${cursor}`);
    const seen = [first, second].flatMap(({ body }) => body['items'] as readonly Entry[]);
    assert.deepEqual(
      seen.map(({ operation }) => operation),
      ['putRoute', 'putUpstream', 'putTenant'],
    );
    assert.equal(second.body['nextCursor'], null);
    const foreign = Buffer.from('acme').toString('base64url');
    for (const query of [`cursor=${foreign}`, 'limit=0x10', 'limit=1e2', 'limit=']) {
      assert.equal((await send('GET', `/v1/tenants/paged/history?${query}`)).status, 422, query);
    }
    assert.equal((await send('GET', '/v1/tenants/never-there/history')).status, 404);
  });

  test('history: a revision holds the whole tenant as a bundle that can be applied', async () => {
    const revision = await onboard('whole');
    await succeed('POST', '/v1/tenants/whole/api-keys/mobile', {});
    await succeed('PUT', '/v1/tenants/whole/upstreams/api', endpoints(81));
    const then = await at('whole', revision);
    assert.deepEqual(then['apiKeys'], {});
    const { api: upstream } = then['upstreams'] as { api: ReturnType<typeof endpoints> };
    assert.equal(upstream.endpoints[0]?.port, 80);
    const now = await at('whole', await newest('whole'));
    const bundle = { apiVersion: 'headgate/v1', tenants: { whole: now } };
    const planned = await succeed('POST', '/v1/apply?dryRun=true', bundle);
    const changes = planned.body['changes'] as readonly { action: string }[];
    assert.equal(changes.length, 4);
    assert.ok(changes.every(({ action }) => action === 'unchanged'));
    const missing = await send('GET', `/v1/tenants/whole/history/${revision + 1_000_000}`);
    assert.equal(missing.status, 404);
    assert.match(String(missing.body['detail']), /the newest one up to it is \d+$/);
    const other = await onboard('whole-other');
    assert.equal((await send('GET', `/v1/tenants/whole/history/${other}`)).status, 404);
  });

  test('diff: fields with before and after, and no secret', async () => {
    const from = await onboard('compared');
    await succeed('PUT', '/v1/tenants/compared/upstreams/api', endpoints(81));
    await succeed('PUT', '/v1/tenants/compared/upstreams/spare', endpoints(82));
    const created = await succeed('POST', '/v1/tenants/compared/api-keys/mobile', {});
    await succeed('DELETE', '/v1/tenants/compared/routes/web');
    const path = `/v1/tenants/compared/diff?from=${from}`;
    const { body } = await succeed('GET', path);
    assert.equal(body['to'], await newest('compared'));
    const changes = body['changes'] as readonly { path: string; before: unknown; after: unknown }[];
    assert.deepEqual(
      changes.map(({ path: field }) => field),
      ['apiKeys.mobile', 'routes.web', 'upstreams.api.endpoints[0].port', 'upstreams.spare'],
    );
    assert.deepEqual([changes[2]?.before, changes[2]?.after], [80, 81]);
    assert.equal('after' in (changes[1] ?? {}), false, 'what is gone has no value after');
    assert.ok(!JSON.stringify(body).includes(created.body['sha256'] as string));
    const same = await succeed('GET', `${path}&to=${from}`);
    assert.deepEqual(same.body['changes'], []);
    const back = await succeed(
      'GET',
      `/v1/tenants/compared/diff?from=${Number(body['to'])}&to=${from}`,
    );
    assert.equal((back.body['changes'] as unknown[]).length, changes.length);
    assert.equal((await send('GET', `${path}&to=9999999`)).status, 404);
    assert.equal((await send('GET', '/v1/tenants/compared/diff')).status, 422);
  });

  test('rollback: the tenant is again what it was, as one new revision', async () => {
    const good = await onboard('undone');
    await succeed('PUT', '/v1/tenants/undone', { planId: 'base', status: 'suspended' });
    await succeed('DELETE', '/v1/tenants/undone/routes/web');
    await succeed('PUT', '/v1/tenants/undone/upstreams/other', endpoints(81));
    await succeed('PUT', '/v1/tenants/undone/routes/next', { upstreamId: 'other' });
    await succeed('DELETE', '/v1/tenants/undone/upstreams/api');
    const before = await newest('undone');
    const planned = await rollback('undone', { revision: good }, '?dryRun=true');
    assert.equal(planned.status, 200);
    assert.equal(await newest('undone'), before, 'a dry run writes nothing');

    const reply = await rollback('undone', { revision: good }, '?wait=converged');
    assert.equal(reply.status, 200, JSON.stringify(reply.body));
    assert.equal(reply.body['converged'], true);
    assert.equal(reply.body['rolledBackTo'], good);
    const revision = Number(reply.body['revision']);
    assert.ok(revision > before);
    assert.equal(reply.headers.get('etag'), `"${revision}"`);
    assert.deepEqual(await at('undone', revision), await at('undone', good));
    const changes = reply.body['changes'] as readonly Record<string, unknown>[];
    assert.deepEqual(changes.map(({ action, kind, id }) => [action, kind, id].join(' ')).sort(), [
      ...['create route web', 'create upstream api', 'delete route next'],
      ...['delete upstream other', 'update tenant undone'],
    ]);
    assert.deepEqual(
      (planned.body['changes'] as typeof changes).map(({ diff: _, ...change }) => change),
      changes,
      'the dry run said so',
    );
    const [entry] = await history('undone');
    assert.equal(entry?.rolledBackTo, good);
    assert.equal(entry.operation, 'rollbackTenant');
    const read = await succeed('GET', '/v1/tenants/undone/routes/web');
    assert.equal(read.body['upstreamId'], 'api');

    const again = await rollback('undone', { revision: good });
    assert.deepEqual(again.body['changes'], []);
    assert.equal(again.headers.get('etag'), `"${revision}"`);
    assert.equal(await newest('undone'), revision, 'nothing to change is no revision');
    const forward = await rollback('undone', { revision: before });
    assert.equal(forward.status, 200, 'a rollback can be rolled back');
    assert.deepEqual(await at('undone', await newest('undone')), await at('undone', before));
  });

  test('rollback: If-Match takes the newest revision of all that belongs to the tenant', async () => {
    const good = await onboard('guarded');
    const tenant = await succeed('GET', '/v1/tenants/guarded');
    await succeed('PUT', '/v1/tenants/guarded/upstreams/api', endpoints(81));
    const stale = { 'if-match': tenant.headers.get('etag') ?? '' };
    const refused = await rollback('guarded', { revision: good }, '', stale);
    assert.equal(refused.status, 412);
    assert.equal(
      (await rollback('guarded', { revision: good }, '', { 'if-match': 'x' })).status,
      400,
    );
    const fresh = { 'if-match': `"${await newest('guarded')}"` };
    assert.equal((await rollback('guarded', { revision: good }, '', fresh)).status, 200);
    assert.equal((await rollback('guarded', { revision: good }, '', fresh)).status, 412);
  });

  test('rollback: of racing ones with If-Match one wins', async () => {
    const good = await onboard('raced-back');
    await succeed('PUT', '/v1/tenants/raced-back/upstreams/api', endpoints(81));
    const guard = { 'if-match': `"${await newest('raced-back')}"` };
    const replies = await Promise.all(
      Array.from({ length: 8 }, () => rollback('raced-back', { revision: good }, '', guard)),
    );
    assert.deepEqual(replies.map(({ status }) => status).sort(), [
      200,
      ...Array.from({ length: 7 }, () => 412),
    ]);
  });

  test('rollback: one that would break integrity is refused with path, value and rule', async () => {
    await succeed('PUT', '/v1/plans/past', {});
    await onboard('broken');
    const spec = { planId: 'past', identity: { hosts: ['broken.example', 'contested.example'] } };
    const good = Number((await succeed('PUT', '/v1/tenants/broken', spec)).body['revision']);
    await succeed('PUT', '/v1/tenants/broken', { planId: 'base' });
    await succeed('DELETE', '/v1/plans/past');
    const noPlan = await rollback('broken', { revision: good });
    assert.equal(noPlan.status, 422);
    const [fault] = noPlan.body['errors'] as readonly Record<string, unknown>[];
    assert.deepEqual(fault, {
      ...{ path: 'planId', value: 'past' },
      rule: 'there is no plan "past"; create it first',
    });
    await succeed('PUT', '/v1/plans/past', {});
    await succeed('PUT', '/v1/tenants/broken-by', {
      planId: 'base',
      identity: { hosts: ['contested.example'] },
    });
    const taken = await rollback('broken', { revision: good });
    assert.equal(taken.status, 409);
    assert.deepEqual(faults(taken), ['identity.hosts[1]: the host belongs to another tenant']);
    const current = await succeed('GET', '/v1/tenants/broken');
    assert.equal(current.body['planId'], 'base', 'nothing was written');
  });

  test('rollback: a revision that the rules of today refuse is not brought back', async () => {
    const good = await onboard('outdated');
    await sql`
      update tenant_history set body = replace(body, '"planId":"base"', '"planId":"Base"')
      where tenant_id = 'outdated' and revision = ${good}
    `.execute(api().database.db);
    const refused = await rollback('outdated', { revision: good });
    assert.equal(refused.status, 422);
    assert.match(faults(refused)[0] ?? '', /^planId: /);
  });

  test('rollback: API keys stay as they are, unless they are to be restored', async () => {
    await onboard('keyed');
    const path = '/v1/tenants/keyed/api-keys';
    const revoked = await succeed('POST', `${path}/revoked`, { name: 'Old' });
    const good = Number(revoked.body['revision']);
    await succeed('DELETE', `${path}/revoked`);
    await succeed('POST', `${path}/made-since`, {});
    const ids = async () => {
      const { body } = await succeed('GET', path);
      return (body['items'] as readonly { id: string }[]).map(({ id }) => id);
    };
    assert.equal((await rollback('keyed', { revision: good })).status, 200);
    assert.deepEqual(await ids(), ['made-since']);
    const restored = await rollback('keyed', { revision: good, apiKeys: 'restore' });
    assert.equal(restored.status, 200);
    assert.deepEqual(await ids(), ['revoked']);
    const key = await succeed('GET', `${path}/revoked`);
    assert.equal(key.body['sha256'], revoked.body['sha256']);
    assert.equal(key.body['hint'], revoked.body['hint']);
  });

  test('rollback: a deleted tenant comes back, and a deletion is no revision to go back to', async () => {
    const good = await onboard('revived');
    await succeed('DELETE', '/v1/tenants/revived');
    const deletion = await newest('revived');
    assert.equal((await history('revived'))[0]?.deleted, true);
    const { body } = await succeed('GET', `/v1/tenants/revived/history/${deletion}`);
    assert.equal(body['tenant'], null);
    const diff = await succeed('GET', `/v1/tenants/revived/diff?from=${deletion}&to=${good}`);
    const paths = (diff.body['changes'] as readonly { path: string }[]).map(({ path }) => path);
    assert.ok(paths.includes('planId') && paths.includes('routes'));
    const missing = await rollback('revived', { revision: good }, '', { 'if-match': '*' });
    assert.equal(missing.status, 412, 'there is nothing that could match');
    assert.equal((await rollback('revived', { revision: good })).status, 200);
    assert.equal((await succeed('GET', '/v1/tenants/revived/routes/web')).status, 200);
    const refused = await rollback('revived', { revision: deletion });
    assert.equal(refused.status, 422);
    assert.match(faults(refused)[0] ?? '', /^revision: the tenant was deleted/);
    assert.equal((await rollback('revived', { revision: 0 })).status, 422);
    assert.equal((await rollback('nobody', { revision: good })).status, 404);
  });

  test('history: a bundle is one revision for each tenant that it changes', async () => {
    const tenant = { planId: 'base', upstreams: { api: endpoints(80) } };
    const bundle = (ids: readonly string[], port: number) => ({
      apiVersion: 'headgate/v1',
      tenants: Object.fromEntries(
        ids.map((id) => [id, { ...tenant, upstreams: { api: endpoints(port) } }]),
      ),
    });
    const ids = Array.from({ length: 600 }, (_, index) => `many-${index}`);
    await succeed('POST', '/v1/apply', bundle(ids, 80));
    await succeed('POST', '/v1/apply', bundle(['many-0', 'many-599'], 81));
    for (const [id, count] of [
      ['many-0', 2],
      ['many-1', 1],
      ['many-599', 2],
    ] as const) {
      assert.equal((await history(id)).length, count, id);
    }
    assert.equal((await history('many-1'))[0]?.changeCount, 2);
  });

  test(`history: the newest ${HISTORY_REVISIONS_MAX} revisions are kept`, async () => {
    const first = await onboard('bounded');
    for (let port = 1; port <= HISTORY_REVISIONS_MAX + 5; port++) {
      await succeed('PUT', '/v1/tenants/bounded/upstreams/api', endpoints(port));
    }
    const entries = await history('bounded');
    assert.equal(entries.length, HISTORY_REVISIONS_MAX);
    assert.ok(entries.every(({ operation }) => operation === 'putUpstream'));
    const gone = await rollback('bounded', { revision: first });
    assert.equal(gone.status, 404);
    assert.match(String(gone.body['detail']), /none as old as that is kept/);
    const oldest = entries.at(-1)?.revision ?? 0;
    assert.equal((await rollback('bounded', { revision: oldest })).status, 200);
  });

  test('history: deleted tenants are forgotten after 30 days, others never', async () => {
    await onboard('forgotten');
    await succeed('DELETE', '/v1/tenants/forgotten');
    const kept = await onboard('forgotten-not');
    await succeed('DELETE', '/v1/tenants/forgotten-not');
    assert.equal((await rollback('forgotten-not', { revision: kept })).status, 200);
    const reader = createHistory(api().database.db);
    const inDays = (days: number) => new Date(Date.now() + days * 86_400_000);
    await reader.forgetDeleted(inDays(29));
    assert.equal((await history('forgotten')).length, 4);
    await reader.forgetDeleted(inDays(31));
    assert.equal((await send('GET', '/v1/tenants/forgotten/history')).status, 404);
    assert.equal((await history('forgotten-not')).length, 5);
  });

  test('dry run: every write can be tried, tells what it would change, and changes nothing', async () => {
    await onboard('tried');
    const before = await newest('tried');
    const path = '/v1/tenants/tried';
    const tries = [
      ['PUT', `${path}/upstreams/api`, endpoints(99), ['update upstream api endpoints[0].port']],
      ['PUT', `${path}/upstreams/new`, endpoints(1), ['create upstream new']],
      ['PUT', `${path}/upstreams/api`, endpoints(80), []],
      ['POST', `${path}/api-keys/k`, {}, ['create apiKey k']],
      ['DELETE', `${path}/routes/web`, undefined, ['delete route web']],
      [
        'DELETE',
        path,
        undefined,
        ['delete route web', 'delete tenant tried', 'delete upstream api'],
      ],
    ] as const;
    for (const [method, target, body, expected] of tries) {
      const reply = await succeed(method, `${target}?dryRun=true`, body);
      assert.equal(reply.status, 200);
      assert.equal(reply.body['dryRun'], true);
      assert.equal('key' in reply.body, false);
      const changes = reply.body['changes'] as readonly {
        readonly action: string;
        readonly kind: string;
        readonly id: string;
        readonly diff?: readonly { readonly path: string }[];
      }[];
      const told = changes.map(({ action, kind, id, diff = [] }) =>
        [action, kind, id, ...diff.map((field) => field.path)].join(' '),
      );
      assert.deepEqual(told.sort(), expected);
    }
    assert.equal((await send('DELETE', `${path}/upstreams/api?dryRun=true`)).status, 409);
    assert.equal(await newest('tried'), before);
  });
}
