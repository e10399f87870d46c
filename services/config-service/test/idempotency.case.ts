import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '@headgate/testkit';
import { sql } from 'kysely';
import { createKeptReplies, type KeptRepliesOptions } from '../src/store/kept-replies.ts';
import { createSend, type ApiReply, type TestApi } from './support/api.ts';

const REPLAYED = 'headgate-replayed';
const plan = (limit: number) => ({ limits: [{ name: 's', limit, windowMs: 1000 }] });

/** What writes with an `Idempotency-Key` keep to on every database; there is a plan named `base`. */
export function testIdempotency(api: () => TestApi): void {
  const send = (key: string, method: string, path: string, body?: unknown, headers = {}) =>
    api().send(method, path, body, { 'idempotency-key': key, ...headers });

  function assertReplay(first: ApiReply, again: ApiReply): void {
    const { [REPLAYED]: _, ...headers } = shownHeaders(again);
    assert.deepEqual(
      [again.status, headers, again.body],
      [first.status, shownHeaders(first), first.body],
    );
    assert.equal(first.headers.get(REPLAYED), null);
    assert.equal(again.headers.get(REPLAYED), 'true');
  }

  test('a repetition gets the reply of the first request, whatever has happened since', async () => {
    const path = '/v1/plans/once';
    const created = await send('once-1', 'PUT', path, plan(1));
    assert.equal(created.status, 201);
    const etag = created.headers.get('etag') ?? '';
    const match = { 'if-match': etag };
    const replaced = await send('"once-2"', 'PUT', path, plan(2), match);
    assert.equal(replaced.status, 200);
    assertReplay(created, await send('"once-1"', 'PUT', path, plan(1)));
    assertReplay(replaced, await send('once-2', 'PUT', path, plan(2), match));
    const unchanged = await send('once-3', 'PUT', path, plan(2));
    const deleted = await send('once-4', 'DELETE', path);
    assert.deepEqual([unchanged.status, deleted.status], [200, 204]);
    assertReplay(unchanged, await send('once-3', 'PUT', path, plan(2)));
    assertReplay(deleted, await send('once-4', 'DELETE', path));
    assert.equal((await api().send('GET', path)).status, 404);
    const bundle = { apiVersion: 'headgate/v1', plans: { once: plan(1) } };
    const applied = await send('once-5', 'POST', '/v1/apply?wait=converged', bundle);
    assert.equal(applied.body['converged'], true);
    assertReplay(applied, await send('once-5', 'POST', '/v1/apply?wait=converged', bundle));
  });

  test('a key of another request is refused, and that of another asker is another key', async () => {
    await send('used', 'PUT', '/v1/plans/used-key', plan(1));
    const others = [
      await send('used', 'PUT', '/v1/plans/used-key', plan(2)),
      await send('used', 'PUT', '/v1/plans/used-key-2', plan(1)),
      await send('used', 'PUT', '/v1/plans/used-key?wait=converged', plan(1)),
      await send('used', 'PUT', '/v1/plans/used-key', plan(1), { 'if-none-match': '*' }),
      await send('used', 'DELETE', '/v1/plans/used-key'),
    ];
    const codes = others.map(({ status, body }) => `${status} ${String(body['code'])}`);
    assert.deepEqual([...new Set(codes)], ['422 HG_API_KEY_REUSED']);
    const token = await api().send('POST', '/v1/access-tokens/other', { role: 'platform_admin' });
    const other = createSend(api().url, String(token.body['token']));
    const theirs = await other('PUT', '/v1/plans/used-key', plan(1), { 'idempotency-key': 'used' });
    assert.deepEqual([theirs.status, theirs.headers.get(REPLAYED)], [200, null]);
    for (const bad of ['""', 'two words', 'x'.repeat(256)]) {
      const reply = await send(bad, 'PUT', '/v1/plans/used-key', plan(1));
      assert.equal(reply.body['code'], 'HG_API_MALFORMED', bad);
    }
  });

  test('a body of endless depth is refused with a key as without one', async () => {
    const deep = `${'{"1":'.repeat(100_000)}1${'}'.repeat(100_000)}`;
    const reply = await send('deep', 'POST', '/v1/apply', deep, {
      'content-type': 'application/json',
    });
    assert.deepEqual([reply.status, reply.body['code']], [400, 'HG_API_MALFORMED']);
  });

  test('a principal with some tenants only repeats its writes as well', async () => {
    await api().send('PUT', '/v1/tenants/bound', { planId: 'base' });
    const role = { role: 'tenant_admin', tenants: ['bound'] };
    const { body } = await api().send('POST', '/v1/access-tokens/bound', role);
    const bound = createSend(api().url, String(body['token']));
    const path = '/v1/tenants/bound/upstreams/web';
    const upstream = { endpoints: [{ host: '10.0.0.1', port: 80 }] };
    const headers = { 'idempotency-key': 'bound' };
    const made = await bound('PUT', path, upstream, headers);
    assert.equal(made.status, 201, JSON.stringify(made.body));
    assertReplay(made, await bound('PUT', path, upstream, headers));
    const key = await bound('POST', '/v1/tenants/bound/api-keys/k', {}, headers);
    assert.equal(key.body['code'], 'HG_API_KEY_REUSED');
  });

  test('a refused request leaves its key free; reads and dry runs take none', async () => {
    const tenant = { planId: 'late-plan' };
    assert.equal((await send('free', 'PUT', '/v1/tenants/late', tenant)).status, 422);
    await api().send('PUT', '/v1/plans/late-plan', {});
    const dry = await send('free', 'PUT', '/v1/tenants/late?dryRun=true', tenant);
    assert.equal(dry.status, 200);
    assert.equal((await send('free', 'GET', '/v1/tenants/late')).status, 404);
    const made = await send('free', 'PUT', '/v1/tenants/late', tenant);
    assert.deepEqual([made.status, made.headers.get(REPLAYED)], [201, null]);
  });

  test('of the same request sent ten times at once one is carried out', async () => {
    const replies = await Promise.all(
      Array.from({ length: 10 }, () => send('race', 'POST', '/v1/access-tokens/race', VIEWER)),
    );
    const firsts = replies.filter(
      ({ status, headers }) => status === 201 && !headers.get(REPLAYED),
    );
    assert.equal(firsts.length, 1);
    for (const { status, body, headers } of replies) {
      if (status === 201) assert.equal(body['token'], firsts[0]?.body['token']);
      else assert.deepEqual([status, body['code']], [409, 'HG_API_REQUEST_UNDER_WAY']);
      assert.ok(status === 409 || headers.get(REPLAYED) === 'true' || body === firsts[0]?.body);
    }
  });

  test('a repetition shows the secret that it made, and the database does not hold it in clear', async () => {
    await api().send('PUT', '/v1/tenants/sealed', { planId: 'base' });
    const path = '/v1/tenants/sealed/api-keys/ci';
    const key = await send('sealed-key', 'POST', path, {});
    const token = await send('sealed-token', 'POST', '/v1/access-tokens/sealed', VIEWER);
    assert.match(
      `${String(key.body['key'])} ${String(token.body['token'])}`,
      /^hgk_.{43} hgt_.{43}$/,
    );
    assertReplay(key, await send('sealed-key', 'POST', path, {}));
    assertReplay(token, await send('sealed-token', 'POST', '/v1/access-tokens/sealed', VIEWER));
    const { rows } = await sql<{ all: string }>`
      select string_agg(t::text, ' ') as all from kept_replies as t`.execute(api().database.db);
    const stored = rows[0]?.all ?? '';
    assert.ok(stored.includes('sealed-key'));
    for (const secret of [key.body['key'], token.body['token']]) {
      assert.ok(!stored.includes(String(secret).slice(4)));
    }
    const { db } = api().database;
    await db
      .updateTable('kept_replies')
      .set({ reply: 'AAAA' })
      .where('key', '=', 'sealed-key')
      .execute();
    const unreadable = await send('sealed-key', 'POST', path, {});
    assert.equal(unreadable.body['code'], 'HG_API_CONFLICT');
  });

  test('a request that lost its claim cannot commit, and one that holds it is not repeated', async () => {
    const { clock, replies, claim } = openReplies({});
    const first = await claim('lapse');
    assert.ok(first.outcome === 'claimed');
    assert.equal((await claim('lapse')).outcome, 'busy');
    clock.advance(1001);
    const second = await claim('lapse');
    assert.ok(second.outcome === 'claimed');
    const { db } = api().database;
    const late = await db.transaction().execute((within) => first.claim.keep('first', within));
    assert.equal(late?.reason, 'conflict');
    await first.claim.release();
    assert.equal((await claim('lapse')).outcome, 'busy', 'the second one still holds it');
    assert.equal(await second.claim.keep('second'), null);
    clock.advance(24 * 3600 * 1000 - 1);
    assert.deepEqual(await claim('lapse'), { outcome: 'kept', reply: 'second' });
    await replies.forgetOld();
    assert.equal((await claim('lapse')).outcome, 'kept');
    clock.advance(2);
    await replies.forgetOld();
    assert.equal((await claim('lapse', 'another')).outcome, 'claimed', 'a day is over');
  });

  test('replies have a largest size, and each asker a largest number of them', async () => {
    const { clock, replies, claim } = openReplies({ replyCharsMax: 5, repliesPerAskerMax: 3 });
    for (const key of ['a', 'b', 'c', 'd', 'e']) {
      const one = await claim(key);
      assert.ok(one.outcome === 'claimed');
      assert.equal(await one.claim.keep('short'), null);
      clock.advance(10);
    }
    await replies.forgetOld();
    const kept = await Promise.all(['c', 'd', 'e'].map((key) => claim(key)));
    assert.deepEqual([...new Set(kept.map(({ outcome }) => outcome))], ['kept']);
    const forgotten = await claim('a');
    assert.ok(forgotten.outcome === 'claimed');
    assert.equal((await forgotten.claim.keep('longer'))?.reason, 'invalid');
  });

  let askers = 0;
  function openReplies(options: KeptRepliesOptions) {
    const clock = createFakeClock();
    const replies = createKeptReplies({ clock }, api().database.db, options);
    const asker = `asker-${(askers += 1)}`;
    const claim = (key: string, fingerprint = 'f') =>
      replies.claim({ asker, key, fingerprint }, 1000);
    return { clock, replies, claim };
  }
}

const VIEWER = { role: 'viewer', tenants: '*' };

function shownHeaders({ headers }: ApiReply): Record<string, string> {
  return Object.fromEntries(
    [...headers].filter(([name]) => !/^(date|x-request-id|x-ratelimit-.*)$/.test(name)),
  );
}
