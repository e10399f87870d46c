import assert from 'node:assert/strict';
import { afterEach, beforeEach, suite, test } from 'node:test';
import { waitFor } from '@headgate/testkit';
import { metricValue } from './support/edge-metrics.ts';
import {
  inForce,
  ProbationScene,
  rejectionOf,
  restarts,
  serves,
  type ScaledEdge,
} from './support/probation-scene.ts';
import { usedConnections } from './support/used-connections.ts';

/** From then on a tenant that the edge does not know is compiled when it comes, not on first use. */
const SYNCED = /"msg":"configuration synced"/;

const GET_B = 'GET / HTTP/1.1\r\nHost: b.test\r\n\r\n';

let scene: ProbationScene;

beforeEach(async () => {
  scene = await ProbationScene.open();
});
afterEach(() => scene.close());

/** An edge that has synced, or is ready, may have one worker that accepts, or none yet. */
const bothListen = (edge: ScaledEdge): Promise<boolean> =>
  waitFor(async () => (await edge.config()).workers.listening === 2, { message: 'both workers' });

const logged = (edge: ScaledEdge, text: string): boolean =>
  edge.process.stdout().some((line) => line.includes(text));

suite('a document that ends the workers that serve it', () => {
  test('the revision before it serves, here and after a restart; others notice nothing more', async () => {
    await scene.seed();
    const edge = await scene.start();
    await scene.source.put(scene.tenant('a', 4, 'poison-kill'));
    assert.match(await rejectionOf(edge, 'tenant.a'), /^4: workers ended soon after it/);
    await inForce(edge, 'tenant.a', 2);
    await serves(edge, 'a.test');
    await serves(edge, 'b.test');
    // A worker at the other place may have had the document still.
    await waitFor(async () => (await edge.readiness()).status === 200, { message: 'readiness' });
    assert.ok(logged(edge, 'newest documents withdrawn; the last good ones serve'));
    assert.equal(await metricValue(edge.admin, 'headgate_config_rejected_documents'), 1);
    await edge.kill();
    const again = await scene.start();
    assert.match(await rejectionOf(again, 'tenant.a'), /^4: /);
    await scene.source.put(scene.tenant('b', 5)); // passes after whatever the bus brings again
    await inForce(again, 'tenant.b', 5);
    await serves(again, 'a.test');
    assert.equal(await restarts(again), 0, 'no worker had to end for it again');
    await scene.source.put(scene.tenant('a', 6));
    await inForce(again, 'tenant.a', 6);
    assert.deepEqual((await again.config()).rejected, []);
  });

  test('a new tenant without a good revision answers 503, not 404, and a better revision mends it', async () => {
    await scene.seed();
    const edge = await scene.start();
    await scene.source.put(scene.tenant('c', 4, 'poison-kill'));
    await rejectionOf(edge, 'tenant.c');
    await serves(edge, 'c.test', 503);
    await serves(edge, 'a.test');
    await scene.source.put(scene.tenant('c', 5));
    await serves(edge, 'c.test');
  });

  test('when it is compiled: refused after the second worker, alone of all that came with it', async () => {
    await scene.seed();
    const edge = await scene.start({}, SYNCED);
    await scene.source.put(
      scene.tenant('b', 4),
      scene.tenant('c', 5, 'poison-compile'),
      scene.tenant('a', 6),
    );
    assert.match(await rejectionOf(edge, 'tenant.c'), /^5: workers ended while they compiled it/);
    await inForce(edge, 'tenant.a', 6);
    await inForce(edge, 'tenant.b', 4);
    await serves(edge, 'a.test');
    assert.equal((await edge.config()).rejected.length, 1);
  });
});

suite('a document that throws', () => {
  test('in a timer that its compilation began: it alone goes, no worker ends, no connection is cut', async () => {
    await scene.seed();
    const edge = await scene.start({}, SYNCED);
    await bothListen(edge);
    const clients = await usedConnections(edge.port, 12, GET_B);
    // Both workers have a timer of it; `c` has nothing before it.
    await scene.source.put(
      scene.tenant('b', 4),
      scene.tenant('a', 5, 'poison-throw'),
      scene.tenant('c', 6, 'poison-throw'),
    );
    const reason = /threw outside of requests: a poisonous document$/;
    assert.match(await rejectionOf(edge, 'tenant.a'), reason);
    assert.match(await rejectionOf(edge, 'tenant.c'), reason);
    await inForce(edge, 'tenant.a', 2);
    await serves(edge, 'a.test');
    await serves(edge, 'c.test', 503);
    assert.equal(await edge.revision('tenant.b'), 4, 'what came with it stays');
    for (const client of clients) client.send(GET_B);
    for (const client of clients) assert.equal((await client.response(1)).status, 200);
    for (const client of clients) client.close();
    assert.equal(await restarts(edge), 0);
    // Two documents in two workers.
    assert.equal(await metricValue(edge.admin, 'headgate_revision_faults_total'), 4);
    await scene.source.put(scene.tenant('a', 7), scene.tenant('c', 8));
    await inForce(edge, 'tenant.a', 7);
    await serves(edge, 'c.test');
    assert.deepEqual((await edge.config()).rejected, []);
  });

  test('at each request: they get a 500, after three in a row the revision before it serves, or 503', async () => {
    await scene.seed();
    const edge = await scene.start();
    await scene.source.put(
      scene.tenant('a', 4, 'poison-request'),
      scene.tenant('c', 5, 'poison-request'),
    );
    await inForce(edge, 'tenant.a', 4);
    await inForce(edge, 'tenant.c', 5);
    for (const [host, afterwards] of [
      ['a.test', 200],
      ['c.test', 503],
    ] as const) {
      const statuses: number[] = [];
      await waitFor(
        async () => statuses.push(await edge.status(host)) > 0 && statuses.at(-1) === afterwards,
        {
          message: `${host} to answer ${afterwards}`,
        },
      );
      const thrown = statuses.slice(0, -1);
      // Two workers count for themselves, and those on their way when the third one throws are served still.
      assert.ok(thrown.length >= 3 && thrown.length <= 10, statuses.join());
      assert.deepEqual([...new Set(thrown)], [500]);
    }
    assert.match(
      await rejectionOf(edge, 'tenant.a'),
      /^4: 3 requests in a row threw; the last one: a poisonous request$/,
    );
    await serves(edge, 'b.test');
    assert.equal(await restarts(edge), 0);
    await scene.source.put(scene.tenant('c', 6));
    await serves(edge, 'c.test');
  });

  test("in a timer that is nobody's: workers are replaced one after the other, and no request is lost", async () => {
    await scene.seed();
    const edge = await scene.start();
    const outcomes = { served: 0, lost: 0 };
    let watching = true;
    const watched = (async () => {
      while (watching) {
        if ((await edge.status('b.test')) === 200) outcomes.served += 1;
        else outcomes.lost += 1;
      }
    })();
    await scene.source.put(scene.tenant('a', 4, 'poison-stray'));
    assert.match(await rejectionOf(edge, 'tenant.a'), /^4: workers ended soon after it/);
    await serves(edge, 'a.test');
    await bothListen(edge);
    watching = false;
    await watched;
    assert.equal(outcomes.lost, 0, JSON.stringify(outcomes));
    assert.ok(outcomes.served > 0);
    assert.ok((await restarts(edge)) >= 2);
  });
});
