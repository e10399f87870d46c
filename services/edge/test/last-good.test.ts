import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, suite, test } from 'node:test';
import { waitFor } from '@headgate/testkit';
import { planDocument } from './support/edge-process.ts';
import {
  inForce,
  ProbationScene,
  rejectionOf,
  restarts,
  serves,
  type ScaledEdge,
} from './support/probation-scene.ts';
import { workerPids } from './support/worker-pids.ts';

let scene: ProbationScene;

beforeEach(async () => {
  scene = await ProbationScene.open();
});
afterEach(() => scene.close());

test('workers that are killed one after the other with nothing changed are only replaced', async () => {
  await scene.seed();
  const edge = await scene.start();
  for (let round = 1; round <= 4; round += 1) {
    const [pid = 0] = await workerPids(edge.process.pid);
    process.kill(pid, 'SIGKILL');
    await waitFor(async () => (await restarts(edge)) >= round, { message: `restart ${round}` });
  }
  await serves(edge, 'a.test');
  const { documents, rejected } = await edge.config();
  assert.deepEqual([documents.length, rejected], [3, []]);
});

test('a revision that has soaked stays, whatever happens to workers and to the process later', async () => {
  await scene.seed();
  const edge = await scene.start({ soakMs: 400, soonMs: 60_000 });
  await scene.source.put(scene.tenant('a', 4));
  await inForce(edge, 'tenant.a', 4);
  await waitFor(async () => (await edge.config()).onProbation === 0, { message: 'the soak' });
  const lost = await restarts(edge);
  for (let round = 1; round <= 3; round += 1) {
    const [pid = 0] = await workerPids(edge.process.pid);
    process.kill(pid, 'SIGKILL');
    await waitFor(async () => (await restarts(edge)) >= lost + round, { message: 'restarts' });
  }
  await inForce(edge, 'tenant.a', 4);
  await waitFor(async () => (await (await scene.files()).load()).fresh.size === 0, {
    message: 'the disk to say so',
  });
  for (let start = 0; start < 3; start += 1) {
    await scene.nats.kill();
    await edge.kill();
    const next = await scene.start();
    assert.equal(await next.revision('tenant.a'), 4);
    await next.kill();
  }
});

suite('an edge that is killed soon after each start', () => {
  /** Good revision 2 of tenant a, and revision 4 that has not soaked. */
  async function seedFresh(): Promise<void> {
    await scene.seed();
    await (await scene.files()).append([scene.tenant('a', 4)]);
    await scene.nats.kill();
  }

  test('goes back to the last good generation at the third start, which is as quick as any', async () => {
    await seedFresh();
    const tookMs: number[] = [];
    const timed = async (): Promise<ScaledEdge> => {
      const startMs = performance.now();
      const edge = await scene.start();
      tookMs.push(performance.now() - startMs);
      return edge;
    };
    for (let start = 1; start <= 2; start += 1) {
      const edge = await timed();
      assert.equal(await edge.revision('tenant.a'), 4);
      await edge.kill();
    }
    const third = await timed();
    assert.match(
      await rejectionOf(third, 'tenant.a'),
      /^4: the edge ended soon after its start, 2/,
    );
    await inForce(third, 'tenant.a', 2);
    await serves(third, 'a.test');
    const [first = 0, , last = 0] = tookMs;
    assert.ok(last <= 2 * first + 3000, tookMs.map(Math.round).join(', '));
  });

  test('keeps what it has if it was stopped in an orderly way, or lasted', async () => {
    await seedFresh();
    const stopped = await scene.start();
    await stopped.kill();
    for (let start = 0; start < 2; start += 1) {
      const edge = await scene.start();
      edge.process.kill('SIGTERM');
      await edge.process.exited;
    }
    for (let start = 0; start < 2; start += 1) {
      const edge = await scene.start({ soonMs: 100 });
      await waitFor(() => edge.process.exit() === null && startsMarked(), {
        message: 'it to last',
      });
      await edge.kill();
    }
    const last = await scene.start();
    assert.equal(await last.revision('tenant.a'), 4);
    async function startsMarked(): Promise<boolean> {
      return (await readFile(join(scene.dataDirectory, 'starts.json'), 'utf8')) === '0';
    }
  });
});

test('with every generation damaged an edge is not ready, and closed, until the first sync', async () => {
  await scene.seed();
  await scene.source.put(scene.tenant('a', 4));
  const good = [planDocument({}, 1), scene.tenant('b', 3)];
  await (await scene.files()).compact(good, { fresh: [scene.tenant('a', 4)], withdrawn: [] });
  for (const name of await readdir(scene.snapshots)) {
    if (name.startsWith('base')) await writeFile(join(scene.snapshots, name), 'HG1 not any more');
  }
  await scene.nats.kill();
  const edge = await scene.start({}, /is damaged; not ready before the first sync/);
  assert.equal(await edge.status('a.test'), 0, 'its port is closed');
  const { status, reasons } = await edge.readiness();
  assert.equal(status, 503);
  assert.match(reasons.join(), /no complete configuration/);
  await scene.nats.restart();
  await serves(edge, 'a.test');
  await serves(edge, 'b.test');
  assert.equal((await edge.readiness()).status, 200);
});

test('an edge that cannot write at all serves what the bus brings, new revisions too, and says so', async () => {
  await scene.seed();
  const file = join(scene.dataDirectory, 'file');
  await writeFile(file, 'where a directory would have to be');
  const edge = await scene.start({}, /"msg":"ready"/, join(file, 'edge'));
  await serves(edge, 'a.test');
  await scene.source.put(scene.tenant('a', 4));
  await inForce(edge, 'tenant.a', 4);
  await serves(edge, 'a.test');
  for (const told of ['cannot be locked', 'was not read', 'was not written']) {
    await waitFor(() => edge.process.stdout().some((line) => line.includes(told)), {
      message: told,
    });
  }
});
