import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { waitFor } from '@headgate/testkit';
import { metricValue } from './support/edge-metrics.ts';
import { planDocument, tenantDocument } from './support/edge-process.ts';
import { runMany } from './support/http-client.ts';
import { createLimitsBench, type LimitedEdge } from './support/limits-bench.ts';

const LIMIT = 2000;

/** So much of a lease has to be left when its edge ends, for its return, or its loss, to be seen. */
const LEASED_MIN = 50;

/** Longer than an edge remembers a denial, which is when it asks Redis again. */
const STUCK_MS = 3000;

const bench = await createLimitsBench();

/** An edge with a tenant of `LIMIT` requests in ten minutes: nothing comes back while a test runs. */
function startEdge(tenantId: string): Promise<LimitedEdge> {
  // Without Redis each edge would admit its share beside what the other admits.
  const limit = { name: 'total', limit: LIMIT, windowMs: 600_000, onStoreLoss: 'closed' };
  const tenant = tenantDocument({
    ...{ id: tenantId, hosts: [`${tenantId}.test`], limits: [limit] },
    ...{ upstreams: bench.upstreams, routes: { all: { upstreamId: 'main' } } },
  });
  return bench.startEdge([planDocument(), tenant], { workers: 1 });
}

/** Sends `count` requests; returns how many were served. */
async function send({ http }: LimitedEdge, tenantId: string, count: number): Promise<number> {
  let served = 0;
  await runMany(count, 8, async () => {
    const { status } = await http.send({ host: `${tenantId}.test`, path: '/' });
    assert.ok(status === 200 || status === 429 || status === 503, `status ${status}`);
    if (status === 200) served += 1;
  });
  return served;
}

/** What the edge has leased and neither used nor returned. */
async function leasedBy({ edge: { admin } }: LimitedEdge): Promise<number> {
  const [granted = 0, used = 0, returned = 0] = await Promise.all(
    ['granted', 'used', 'returned'].map((outcome) =>
      metricValue(admin, `headgate_limit_lease_cost_total{outcome="${outcome}"}`),
    ),
  );
  return granted - used - returned;
}

/**
 * One edge serves until it has a lease in hand and ends by `signal`; then another gets requests until `enough` have been
 * served by both together, and some more.
 */
async function serveInTurn(
  tenantId: string,
  signal: 'SIGTERM' | 'SIGKILL',
  enough: (leased: number) => number,
): Promise<number> {
  const [first, second] = await Promise.all([startEdge(tenantId), startEdge(tenantId)]);
  try {
    let served = 0;
    let leased = 0;
    const hasLease = async (): Promise<boolean> => {
      served += await send(first, tenantId, 100);
      leased = await leasedBy(first);
      return leased >= LEASED_MIN;
    };
    await waitFor(hasLease, { message: 'a lease in hand' });
    first.edge.process.kill(signal);
    await first.edge.process.exited;
    // Again and again: what the second edge leases for itself and does not use is free a moment later. What is wasted does
    // not come back while the test runs.
    let grownMs = performance.now();
    const isOver = async (): Promise<boolean> => {
      const more = await send(second, tenantId, 200);
      served += more;
      if (more > 0) grownMs = performance.now();
      return served >= enough(leased) || performance.now() - grownMs > STUCK_MS;
    };
    const message = `the second edge to admit what is left, with ${leased} leased by the first`;
    await waitFor(isOver, { message });
    return served + (await send(second, tenantId, 200));
  } finally {
    await Promise.all([first.edge.stop(), second.edge.stop()]);
  }
}

suite('leases of an edge that ends', () => {
  test('SIGTERM: it returns what it has not used, and another edge admits all that is left', async () => {
    // On a busy machine Redis may answer too late; such a return is not repeated, as Redis may have taken it.
    for (const attempt of [1, 2, 3]) {
      const served = await serveInTurn(`ended-${attempt}`, 'SIGTERM', () => LIMIT);
      assert.ok(served <= LIMIT, `${served} of ${LIMIT} passed`);
      if (served === LIMIT) return;
    }
    assert.fail('what the first edge had leased did not come back in any of three attempts');
  });

  test('kill -9: what it had leased is wasted, no more, and never too much passes', async () => {
    const served = await serveInTurn('killed', 'SIGKILL', (leased) => LIMIT - leased);
    assert.ok(served <= LIMIT, `${served} of ${LIMIT} passed`);
    assert.ok(served > LIMIT / 2, `only ${served} of ${LIMIT} passed`);
  });
});
