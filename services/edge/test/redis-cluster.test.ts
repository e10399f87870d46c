import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ProcessStartError, startRedisCluster, startRedisSentinel } from '@headgate/testkit';
import { planDocument, startTestEdge, tenantDocument } from './support/edge-process.ts';
import { runMany } from './support/http-client.ts';
import { createLimitsBench, minuteLimit } from './support/limits-bench.ts';

const LIMIT = 5;
const TENANTS = ['one', 'two', 'three', 'four', 'five', 'six'];

const bench = await createLimitsBench();
const documents = [
  planDocument({ limits: [minuteLimit('all', LIMIT)] }),
  ...TENANTS.map((id) =>
    tenantDocument({
      ...{ id, hosts: [`${id}.test`], upstreams: bench.upstreams },
      routes: { rest: { upstreamId: 'main' } },
    }),
  ),
];

/** Requests that an edge with two workers, on that Redis, serves of 12 for each tenant. */
async function servedOn(url: string): Promise<number[]> {
  const { http } = await bench.startEdge(documents, { env: { HEADGATE_REDIS_URL: url } });
  return Promise.all(
    TENANTS.map(async (tenant) => {
      let served = 0;
      await runMany(12, 4, async () => {
        const { status } = await http.send({ host: `${tenant}.test`, path: '/' });
        if (status === 200) served += 1;
      });
      return served;
    }),
  );
}

test('an edge counts limits in a Redis Cluster of three masters, and behind a Sentinel', async () => {
  const [cluster, sentinel] = await Promise.all([
    startRedisCluster({ password: 'p@ss' }),
    startRedisSentinel({ password: 'p@ss' }),
  ]);
  after(() => Promise.all([cluster.stop(), sentinel.stop()]));
  for (const { url } of [cluster, sentinel]) {
    assert.deepEqual(
      await servedOn(url),
      TENANTS.map(() => LIMIT),
    );
  }
});

test('a HEADGATE_REDIS_URL that breaks a rule ends the start with that rule, without its password', async () => {
  const env = { HEADGATE_REDIS_URL: 'redis://:topsecret@a:6379,b:6379' };
  const error: unknown = await startTestEdge({ env }).then(
    () => assert.fail('the edge must not start'),
    (failure: unknown) => failure,
  );
  assert.ok(error instanceof ProcessStartError);
  assert.equal(error.exit?.code, 1);
  assert.match(error.output, /HEADGATE_REDIS_URL=\(hidden\): .* redis\+cluster:\/\//);
  assert.doesNotMatch(error.output, /topsecret/);
});
