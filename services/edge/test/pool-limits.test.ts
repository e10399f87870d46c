import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { waitFor } from '@headgate/testkit';
import { metricValue } from './support/edge-metrics.ts';
import { planDocument, tenantDocument } from './support/edge-process.ts';
import { runMany } from './support/http-client.ts';
import { createLimitsBench } from './support/limits-bench.ts';

/** Neither edge knows of the other: alone, without Redis, each would admit a whole limit. */
const WINDOW = { windowMs: 600_000, onStoreLoss: 'closed' };

const bench = await createLimitsBench();
const pool = (limit: number) => ({ pool: { limits: [{ name: 'pool', limit, ...WINDOW }] } });
const tenant = (id: string, planId: string, limits: readonly object[] = []) =>
  tenantDocument({
    ...{ id, planId, hosts: [`${id}.test`], limits, routes: { all: { upstreamId: 'main' } } },
    upstreams: bench.upstreams,
  });
const own = (limit: number) => [{ name: 'own', limit, ...WINDOW }];
const documents = [
  planDocument({ id: 'shared', ...pool(100) }),
  planDocument({ id: 'drained', ...pool(60) }),
  planDocument({ id: 'leased', ...pool(2000) }),
  planDocument({ id: 'plain' }),
  planDocument({ id: 'platform', ...pool(3000) }),
  tenant('alone', 'plain'),
  tenant('noisy', 'shared', own(10)),
  tenant('quiet', 'shared'),
  tenant('first', 'drained', own(1000)),
  tenant('second', 'drained', own(1000)),
  ...['one', 'two', 'three'].map((id) => tenant(id, 'leased')),
];
const started = await Promise.all([bench.startEdge(documents), bench.startEdge(documents)]);
const edges = started.map(({ edge }) => edge);
const clients = started.map(({ http }) => http);

/** Sends `count` requests to both edges in turn, 8 at a time; tells how many passed. */
async function passed(count: number, tenants: readonly string[]): Promise<number> {
  let admitted = 0;
  await runMany(count, 8, async (index) => {
    const id = tenants[index % tenants.length] ?? '';
    const client = clients[index % clients.length];
    const { status } = (await client?.send({ host: `${id}.test`, path: '/' })) ?? {};
    if (status === 200) admitted += 1;
    else assert.ok(status === 429 || status === 503, `status ${status ?? 'none'}`);
  });
  return admitted;
}

/** Longer than an edge remembers a denial, which is when it asks Redis again. */
const STUCK_MS = 3000;

let total = 0;

/** Answers of Redis that came too late, on a busy machine: what they granted is wasted. */
async function lateAnswers(): Promise<number> {
  const series = 'headgate_limit_store_errors_total{cause="timeout"}';
  const counts = await Promise.all(edges.map(({ admin }) => metricValue(admin, series)));
  return counts.reduce((sum, count) => sum + count, 0);
}

/**
 * Sends until a pool is used up: what was given back is free a moment later. What Redis was too slow to tell, on a busy
 * machine, is wasted; never too much passes.
 */
async function assertDrained(
  tenants: readonly string[],
  already: number,
  most: number,
): Promise<void> {
  let admitted = already;
  let grownMs = performance.now();
  const isDrained = async (): Promise<boolean> => {
    const more = await passed(40, tenants);
    admitted += more;
    if (more > 0) grownMs = performance.now();
    if (admitted >= most * 0.95) return true;
    return performance.now() - grownMs > STUCK_MS && (await lateAnswers()) > 0;
  };
  const describe = (): string => `${admitted} admitted`;
  await waitFor(isDrained, { message: `${most} to be admitted`, describe });
  for (let round = 0; round < 5; round += 1) admitted += await passed(40, tenants);
  assert.ok(admitted <= most, `${admitted} of ${most}`);
  total += admitted - already;
}

suite('limits that tenants share, two edges with two workers each', () => {
  test('what a tenant’s own limit refuses costs the pool nothing', async () => {
    const noisy = await passed(300, ['noisy']);
    assert.ok(noisy <= 10, `${noisy} of 10`);
    if ((await lateAnswers()) === 0) assert.equal(noisy, 10);
    total += noisy;
    await assertDrained(['quiet'], noisy, 100);
  });

  test('what the pool refuses costs a tenant nothing, and its clients learn nothing of the pool', async () => {
    await assertDrained(['first'], 0, 60);
    const [client] = clients;
    const refused = await client?.send({ host: 'second.test', path: '/' });
    assert.equal(refused?.status, 429);
    assert.match(refused.body, /HG_LIMIT_SHARED/);
    assert.doesNotMatch(refused.body, /pool|drained/);
    assert.ok(Number(refused.headers['retry-after']) > 0);
    assert.equal(refused.headers['ratelimit-policy'], undefined);
    total += await passed(100, ['second']);
    const denials = await Promise.all(
      edges.map(({ admin }) =>
        metricValue(admin, 'headgate_limit_denials_total{level="pool",kind="window"}'),
      ),
    );
    assert.ok(denials.reduce<number>((sum, count) => sum + count, 0) > 100);
  });

  test('a pool under load is leased, and never admits more than its limit over all edges', async () => {
    await assertDrained(['one', 'two', 'three'], 0, 2000);
    const leased = await Promise.all(
      edges.map(({ admin }) => metricValue(admin, 'headgate_limit_leases_total')),
    );
    assert.ok(leased.some((count) => count > 0));
  });

  test('the pool of the plan "platform" is passed by tenants of all plans', async () => {
    // Of what pools and tenants refused nothing was charged to it.
    await assertDrained(['alone'], total, 3000);
  });
});
