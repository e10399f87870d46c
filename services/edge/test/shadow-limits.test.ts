import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { waitFor } from '@headgate/testkit';
import { metricValue } from './support/edge-metrics.ts';
import { planDocument, tenantDocument } from './support/edge-process.ts';
import { createLimitsBench, minuteLimit } from './support/limits-bench.ts';
import { routeTo } from './support/one-tenant-edge.ts';

const shadow = { shadow: true };
const bench = await createLimitsBench();
const { upstreams } = bench;
const { edge, http } = await bench.startEdge([
  planDocument({ limits: [minuteLimit('plan', 6, shadow)] }),
  planDocument({ id: 'none' }),
  tenantDocument({
    ...{ id: 'both', hosts: ['both.test'], upstreams },
    limits: [minuteLimit('all', 8), minuteLimit('soon', 3, shadow)],
    routes: { rest: { upstreamId: 'main' } },
  }),
  tenantDocument({
    ...{ id: 'only', hosts: ['only.test'], upstreams },
    // Instead of the plan's: not in shadow any more, and large.
    limits: [minuteLimit('plan', 1000)],
    routes: {
      rest: { upstreamId: 'main' },
      login: routeTo('main', '/login', {
        limits: [minuteLimit('ip', 2, { ...shadow, per: 'client-ip' })],
      }),
    },
  }),
  tenantDocument({
    ...{ id: 'free', hosts: ['free.test'], upstreams, planId: 'none' },
    limits: [minuteLimit('one', 1, shadow)],
    routes: { rest: { upstreamId: 'main' } },
  }),
]);

/** Sends requests one after the other; resolves with their statuses and the last policy that was told. */
async function send(count: number, tenant: string, path = '/') {
  const statuses: number[] = [];
  let policy: unknown;
  for (let request = 0; request < count; request += 1) {
    const { status, headers } = await http.send({ host: `${tenant}.test`, path });
    statuses.push(status);
    policy = headers['ratelimit-policy'];
  }
  return { passed: statuses.filter((status) => status === 200).length, statuses, policy };
}

const refusals = (level: string): Promise<number> =>
  metricValue(edge.admin, `headgate_limit_shadow_denials_total{level="${level}",kind="window"}`);

/** What passes is counted in shadow later, as nobody waits for it. */
async function untilRefused(level: string, count: number): Promise<void> {
  await waitFor(async () => (await refusals(level)) >= count, {
    message: `${count} refusals in shadow`,
  });
  assert.equal(await refusals(level), count);
}

suite('limits in shadow', () => {
  test('they refuse nothing and are told to nobody, and each counts what passes all others', async () => {
    const { passed, policy } = await send(12, 'both');
    assert.equal(passed, 8);
    assert.equal(policy, '"all";q=8;w=60');
    // Of 8 that passed one of 3 would have refused 5, and one of 6 would have refused 2.
    await untilRefused('tenant', 5 + 2);
  });

  test('a tenant takes a limit of its plan out of the shadow; a route has one per client', async () => {
    const { passed, policy } = await send(5, 'only', '/login');
    assert.equal(passed, 5);
    assert.equal(policy, '"plan";q=1000;w=60');
    await untilRefused('consumer', 3);
  });

  test('without any other limit a request is counted, too', async () => {
    const { passed, policy } = await send(4, 'free');
    assert.equal(passed, 4);
    assert.equal(policy, undefined);
    await untilRefused('tenant', 5 + 2 + 3);
  });
});
