import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Session } from '../src/access/session.ts';
import { faults, type ApiReply, type Send, type TestApi } from './support/api.ts';

const SYSTEM: Session = {
  author: { actor: 'rollout', source: '', requestId: '', operation: 'test' },
  access: { role: 'platform_admin', tenants: 'all' },
  scope: 'all',
};
const OPTIONS = { documentBytesMax: 1024 * 1024 };
const RINGS = [{ name: 'canary' }, { name: 'west', soakMs: 5000 }];

/** What rollouts keep to on every database; there is a plan named `base`. */
export function testRollouts(api: () => TestApi): void {
  const send: Send = (...request) => api().send(...request);

  async function succeed(...request: Parameters<Send>): Promise<ApiReply> {
    const reply = await send(...request);
    assert.ok(reply.status < 300, `${request[0]} ${request[1]}: ${JSON.stringify(reply.body)}`);
    return reply;
  }

  /** A tenant as a bundle has it, with an endpoint on this port. */
  const tenantOf = (id: string, port: number, hosts = [`${id}.example`]) => ({
    planId: 'base',
    identity: { hosts },
    upstreams: { api: { endpoints: [{ host: '10.0.0.1', port }] } },
    routes: { web: { upstreamId: 'api' } },
  });
  const apply = (id: string, tenant: object) =>
    send('POST', '/v1/apply', { apiVersion: 'headgate/v1', tenants: { [id]: tenant } });
  const start = (id: string, candidate: object, headers = {}) =>
    send('POST', `/v1/tenants/${id}/rollout`, { rings: RINGS, candidate }, headers);
  const step = (id: string, name: string, body?: object) =>
    send('POST', `/v1/tenants/${id}/rollout/${name}`, body);

  async function portOf(id: string): Promise<unknown> {
    const { body } = await succeed('GET', `/v1/tenants/${id}/upstreams/api`);
    return (body['endpoints'] as readonly { port: number }[])[0]?.port;
  }

  async function documentOf(key: string) {
    const [document] = await api().store.outbox.documents([key]);
    assert.ok(document, key);
    return document;
  }

  async function auditOf(id: string): Promise<string[]> {
    const { body } = await succeed('GET', `/v1/audit?tenant=${id}&limit=100`);
    const items = body['items'] as readonly Record<string, unknown>[];
    return items
      .filter(({ kind }) => kind === 'rollout')
      .map((item) => `${String(item['actor'])} ${String(item['operation'])}`);
  }

  test('a rollout goes through its rings, and the tenant becomes the candidate at the end', async () => {
    await apply('ro-way', tenantOf('ro-way', 1));
    const before = await documentOf('tenant.ro-way');
    const started = await start('ro-way', tenantOf('ro-way', 2));
    assert.equal(started.status, 200, JSON.stringify(started.body));
    assert.deepEqual([started.body['state'], started.body['ring']], ['running', 'canary']);
    const candidate = await documentOf('rollout.ro-way');
    assert.deepEqual(candidate.rings, ['canary']);
    assert.deepEqual(candidate.identity, before.identity);
    assert.equal(candidate.body, before.body.replace('"port":1', '"port":2'));
    assert.equal(await portOf('ro-way'), 1, 'the tenant stays as it is');

    const late = await step('ro-way', 'promote', { from: 'west' });
    assert.deepEqual(
      [late.status, ...faults(late)],
      [409, ': the rollout is in ring "canary", not "west"'],
    );
    const second = (await step('ro-way', 'promote', { from: 'canary' })).body;
    assert.deepEqual([second['state'], second['ring']], ['running', 'west']);
    const wider = await documentOf('rollout.ro-way');
    assert.deepEqual([wider.rings, wider.body], [['canary', 'west'], candidate.body]);
    assert.ok(wider.revision > candidate.revision);
    assert.deepEqual(await documentOf('tenant.ro-way'), before);

    const last = (await step('ro-way', 'promote', {})).body;
    assert.equal(last['state'], 'finishing');
    const after = await documentOf('tenant.ro-way');
    assert.deepEqual([after.body, after.revision], [candidate.body, last['finalRevision']]);
    assert.ok(after.revision > wider.revision, 'so it wins at once');
    assert.equal((await documentOf('rollout.ro-way')).deleted, false);
    const unfinished = await api().store.unfinishedRollouts();
    assert.ok(unfinished.some(({ tenantId }) => tenantId === 'ro-way'));
    assert.equal(await api().store.isPublished(after.revision), false);
    await api().store.outbox.markPublished([after], new Date());
    assert.equal(await api().store.isPublished(after.revision), true);

    const finish = () =>
      api().store.as(SYSTEM).rollouts.step('ro-way', { action: 'finish' }, OPTIONS);
    assert.equal((await finish()).ok, true);
    assert.equal((await documentOf('rollout.ro-way')).deleted, true);
    assert.equal((await finish()).ok, false, 'it is over');
    const { body } = await succeed('GET', '/v1/tenants/ro-way/rollout');
    assert.equal(body['state'], 'completed');
    const history = (await succeed('GET', '/v1/tenants/ro-way/history?limit=9')).body['items'];
    assert.equal((history as readonly unknown[]).length, 2, 'one change of the tenant');
    assert.deepEqual(await auditOf('ro-way'), [
      ...['rollout test', 'admin promoteRollout', 'admin promoteRollout', 'admin startRollout'],
    ]);
    assert.equal((await start('ro-way', tenantOf('ro-way', 3))).status, 200, 'another one');
    const aborted = await step('ro-way', 'abort'); // in a hurry: no reason, and no body
    assert.equal(aborted.body['state'], 'aborted');
  });

  test('while it is open or paused nothing else changes the tenant; aborted, all is as before', async () => {
    await apply('ro-open', tenantOf('ro-open', 1));
    const before = await documentOf('tenant.ro-open');
    await start('ro-open', tenantOf('ro-open', 2));
    assert.equal((await start('ro-open', tenantOf('ro-open', 3))).status, 409);
    for (const paused of [false, true]) {
      if (paused) assert.equal((await step('ro-open', 'pause')).body['state'], 'paused');
      const put = await send('PUT', '/v1/tenants/ro-open/routes/more', { upstreamId: 'api' });
      assert.equal(put.status, 409);
      assert.match(faults(put).join(), /a rollout of the tenant is open/);
      assert.equal((await apply('ro-open', tenantOf('ro-open', 4))).status, 409);
      assert.equal((await send('DELETE', '/v1/tenants/ro-open')).status, 409);
      assert.equal((await apply('ro-open', tenantOf('ro-open', 1))).status, 200, 'unchanged');
      assert.equal((await apply('ro-other', tenantOf('ro-other', paused ? 1 : 2))).status, 200);
    }
    assert.equal((await step('ro-open', 'pause')).status, 409);
    assert.equal((await step('ro-open', 'resume')).body['state'], 'running');
    const aborted = await step('ro-open', 'abort', { reason: 'not today' });
    assert.deepEqual([aborted.body['state'], aborted.body['reason']], ['aborted', 'not today']);
    const { deleted, rings, body } = await documentOf('rollout.ro-open');
    assert.deepEqual({ deleted, rings, body }, { deleted: true, rings: null, body: '' });
    assert.deepEqual(await documentOf('tenant.ro-open'), before);
    for (const name of ['promote', 'pause', 'resume', 'abort']) {
      assert.equal((await step('ro-open', name)).status, 409, name);
    }
    assert.equal((await apply('ro-open', tenantOf('ro-open', 5))).status, 200);
    await succeed('DELETE', '/v1/tenants/ro-open');
    assert.equal((await send('GET', '/v1/tenants/ro-open/rollout')).status, 404);
  });

  test('a candidate passes the checks of a change, or nothing is written', async () => {
    await apply('ro-bad', tenantOf('ro-bad', 1));
    const wrong: [candidate: object, status: number, fault: RegExp][] = [
      [tenantOf('ro-bad', 1), 422, /^candidate: the candidate is what the tenant is already$/],
      [{ ...tenantOf('ro-bad', 2), planId: 'none' }, 422, /planId: there is no plan "none"/],
      [tenantOf('ro-bad', 2, ['ro-taken.example']), 409, /hosts\[0\]/],
      [{ ...tenantOf('ro-bad', 2), routes: { web: { upstreamId: 'none' } } }, 422, /upstreamId/],
      [{ ...tenantOf('ro-bad', 2), more: 1 }, 422, /candidate/],
    ];
    await apply('ro-taken', tenantOf('ro-taken', 1));
    for (const [candidate, status, fault] of wrong) {
      const reply = await start('ro-bad', candidate);
      assert.equal(reply.status, status, JSON.stringify(reply.body));
      assert.match(faults(reply).join(), fault);
    }
    const body = { rings: [...RINGS, { name: 'canary' }], candidate: tenantOf('ro-bad', 2) };
    const twice = await send('POST', '/v1/tenants/ro-bad/rollout', body);
    assert.deepEqual(faults(twice), ['rings: must name each ring once']);
    assert.equal((await start('ro-none', tenantOf('ro-none', 1))).status, 404);
    assert.equal((await send('GET', '/v1/tenants/ro-bad/rollout')).status, 404);
    assert.deepEqual(await api().store.outbox.documents(['rollout.ro-bad']), []);
  });

  test('a last step without its plan is refused, and the rollout stays where it is', async () => {
    await apply('ro-plan', tenantOf('ro-plan', 1));
    await succeed('PUT', '/v1/plans/ro-gone', {});
    await start('ro-plan', { ...tenantOf('ro-plan', 1), planId: 'ro-gone' });
    await step('ro-plan', 'promote', {});
    await succeed('DELETE', '/v1/plans/ro-gone');
    const refused = await step('ro-plan', 'promote', {});
    assert.equal(refused.status, 422);
    assert.match(faults(refused).join(), /ro-plan\.planId/);
    const { body } = await succeed('GET', '/v1/tenants/ro-plan/rollout');
    assert.deepEqual([body['state'], body['ring']], ['running', 'west']);
    await step('ro-plan', 'abort', {});
  });

  test('nobody else gets what a candidate serves under: its edges would mix up both tenants', async () => {
    const candidate = tenantOf('ro-host', 1, ['ro-host.example', 'ro-new.example']);
    const identity = { ...candidate.identity, pathPrefixes: ['/ro-new/'], headerValues: ['ro-v'] };
    await apply('ro-host', tenantOf('ro-host', 1));
    await start('ro-host', { ...candidate, identity });
    for (const wanted of [
      { hosts: ['ro-new.example'] },
      { pathPrefixes: ['/ro-new'] },
      { headerValues: ['ro-v'] },
    ]) {
      const rival = await send('PUT', '/v1/tenants/ro-rival', { planId: 'base', identity: wanted });
      assert.equal(rival.status, 409, JSON.stringify(wanted));
      assert.match(faults(rival).join(), /belongs to another tenant/);
    }
    await apply('ro-rival', tenantOf('ro-rival', 1));
    const late = await start('ro-rival', tenantOf('ro-rival', 1, ['ro-new.example']));
    assert.equal(late.status, 409);
    for (const state of ['running', 'finishing']) {
      assert.equal((await step('ro-host', 'promote', {})).body['state'], state);
    }
    const { body } = await succeed('GET', '/v1/tenants/ro-host');
    assert.deepEqual((body['identity'] as typeof identity).hosts, identity.hosts);
    await apply('ro-free', tenantOf('ro-free', 1));
    await start('ro-free', tenantOf('ro-free', 1, ['ro-freed.example']));
    await step('ro-free', 'abort', {});
    const freed = await apply('ro-next', tenantOf('ro-next', 1, ['ro-freed.example']));
    assert.equal(freed.status, 200, JSON.stringify(freed.body));
  });

  test('a step that was decided on for another revision, or another rollout, is not taken', async () => {
    await apply('ro-stale', tenantOf('ro-stale', 1));
    const { revision } = (await start('ro-stale', tenantOf('ro-stale', 2))).body;
    await step('ro-stale', 'abort', {});
    await start('ro-stale', tenantOf('ro-stale', 3));
    const stale = { revision: Number(revision), reason: 'it failed' } as const;
    const promote = {
      action: 'promote',
      from: 'canary',
      evenPaused: false,
      baseline: null,
    } as const;
    for (const late of [
      { ...stale, ...promote },
      { ...stale, action: 'end', state: 'rolled_back' } as const,
    ]) {
      const outcome = await api().store.as(SYSTEM).rollouts.step('ro-stale', late, OPTIONS);
      assert.equal(outcome.ok, false, late.action);
    }
    const { body } = await succeed('GET', '/v1/tenants/ro-stale/rollout');
    assert.deepEqual([body['state'], body['ring']], ['running', 'canary']);
    const both = await Promise.all([1, 2].map(() => step('ro-stale', 'promote', {})));
    assert.ok(both.some(({ status }) => status === 200));
    await step('ro-stale', 'abort', {});
  });

  test('a tenant is not deleted before the document of its rollout is', async () => {
    await apply('ro-del', tenantOf('ro-del', 1));
    await start('ro-del', tenantOf('ro-del', 2));
    await step('ro-del', 'promote', {});
    assert.equal((await step('ro-del', 'promote', {})).body['state'], 'finishing');
    const refused = await send('DELETE', '/v1/tenants/ro-del');
    assert.equal(refused.status, 409);
    assert.match(faults(refused).join(), /try again/);
    assert.equal((await apply('ro-del', tenantOf('ro-del', 3))).status, 200, 'it may change');
    await api().store.as(SYSTEM).rollouts.step('ro-del', { action: 'finish' }, OPTIONS);
    await succeed('DELETE', '/v1/tenants/ro-del');
    assert.equal((await documentOf('rollout.ro-del')).deleted, true);
  });

  test('steps of a rollout that there never was answer 404, as reading it does', async () => {
    await apply('ro-never', tenantOf('ro-never', 1));
    for (const id of ['ro-never', 'ro-nobody']) {
      for (const name of ['promote', 'pause', 'resume', 'abort']) {
        const takesBody = name === 'promote' || name === 'abort';
        const reply = await step(id, name, takesBody ? {} : undefined);
        assert.equal(reply.status, 404, `${id} ${name}`);
      }
    }
    assert.deepEqual(await api().store.outbox.documents(['rollout.ro-never']), []);
  });

  test('of two that start at once one does; a repetition with its key gets the same reply', async () => {
    await apply('ro-race', tenantOf('ro-race', 1));
    const key = { 'idempotency-key': '"ro-race"' };
    const first = await start('ro-race', tenantOf('ro-race', 2), key);
    const again = await start('ro-race', tenantOf('ro-race', 2), key);
    assert.deepEqual([again.status, again.body], [200, first.body]);
    await step('ro-race', 'abort', {});
    const racing = [3, 4, 5].map((port) => start('ro-race', tenantOf('ro-race', port)));
    const statuses = (await Promise.all(racing)).map(({ status }) => status);
    assert.deepEqual(statuses.sort(), [200, 409, 409]);
    const promoting = [1, 2, 3].map(() => step('ro-race', 'promote', { from: 'canary' }));
    const promoted = (await Promise.all(promoting)).map(({ status }) => status);
    assert.deepEqual(promoted.sort(), [200, 409, 409]);
    await step('ro-race', 'abort', {});
  });
}
