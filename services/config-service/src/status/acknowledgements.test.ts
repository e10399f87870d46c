import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '@headgate/runtime';
import { createFakeClock } from '@headgate/testkit';
import { Acknowledgements, type LiveEdge } from './acknowledgements.ts';

const ack = (revision: number, outcome: 'applied' | 'rejected' = 'applied') => ({
  ...{ key: 'tenant.a', revision, outcome, at: revision },
});
const document = (revision: number) => [{ key: 'tenant.a', revision }];
const LONG_MS = 60_000;
const edges = (...ids: readonly string[]): LiveEdge[] =>
  ids.map((id) => ({ id, revision: 0, synced: false, rejected: [] }));

test('a wait ends when the last live edge has acknowledged', async () => {
  const acks = new Acknowledgements(systemClock, () => edges('e1', 'e2'));
  const wait = acks.wait(document(5), LONG_MS);
  acks.add('e1', [ack(5)]);
  acks.add('e2', [ack(4)]);
  assert.equal(await Promise.race([wait, Promise.resolve('open')]), 'open');
  acks.add('e2', [ack(6)]);
  assert.equal(await wait, true);
});

test('what was acknowledged before the wait counts, and without documents there is nothing to wait for', async () => {
  const acks = new Acknowledgements(systemClock, () => edges('e1'));
  acks.add('e1', [ack(5)]);
  assert.equal(await acks.wait(document(5), LONG_MS), true);
  assert.equal(await acks.wait([], LONG_MS), true);
});

test('a rejection, and the timeout, end a wait without convergence', async () => {
  const acks = new Acknowledgements(systemClock, () => edges('e1'));
  const wait = acks.wait(document(5), LONG_MS);
  acks.add('e1', [ack(5, 'rejected')]);
  assert.equal(await wait, false);
  assert.equal(await acks.wait(document(6), 1), false);
});

test('an edge that leaves is not waited for, one that comes is', async () => {
  let live = ['e1', 'e2'];
  const acks = new Acknowledgements(systemClock, () => edges(...live));
  const wait = acks.wait(document(5), LONG_MS);
  acks.add('e1', [ack(5)]);
  live = ['e1'];
  assert.equal(await wait, true);
  const second = acks.wait(document(6), LONG_MS);
  live = ['e1', 'e3'];
  acks.add('e3', [ack(6)]);
  acks.add('e1', [ack(6)]);
  assert.equal(await second, true);
});

test('silence of every edge is not convergence', async () => {
  assert.equal(await new Acknowledgements(systemClock, () => []).wait(document(5), 1), false);
  let live = ['e1'];
  const acks = new Acknowledgements(systemClock, () => edges(...live));
  const wait = acks.wait(document(5), 600);
  live = [];
  assert.equal(await wait, false);
});

test('a document of long ago counts as the presence of an edge tells, if no acknowledgement is known', async () => {
  const [base] = edges('e1');
  assert.ok(base);
  const settled = [{ key: 'tenant.a', revision: 5, settled: true }];
  const outcome = (edge: Partial<LiveEdge>, documents = settled) =>
    new Acknowledgements(systemClock, () => [{ ...base, ...edge }]).wait(documents, 1);
  const synced = { synced: true, revision: 9 };
  assert.equal(await outcome(synced), true);
  assert.equal(await outcome({ ...synced, synced: false }), false);
  assert.equal(await outcome({ ...synced, revision: 4 }), false);
  const rejected = (key: string, revision: number) => ({
    ...synced,
    rejected: [{ key, revision }],
  });
  assert.equal(await outcome(rejected('tenant.a', 5)), false);
  assert.equal(await outcome(rejected('tenant.a', 4)), true);
  assert.equal(await outcome(rejected('tenant.b', 5)), true);
  assert.equal(await outcome(synced, [{ key: 'tenant.a', revision: 5, settled: false }]), false);
  const acks = new Acknowledgements(systemClock, () => [{ ...base, ...synced }]);
  acks.add('e1', [ack(5, 'rejected')]);
  assert.equal(await acks.wait(settled, LONG_MS), false, 'an acknowledgement counts first');
});

test('what an edge began to serve with counts as applied, but for what it rejects and for rollouts', async () => {
  const [base] = edges('e1');
  assert.ok(base);
  const edge = { ...base, loaded: { revision: 5, at: 77 } };
  const wait = async (
    { key = 'tenant.a', revision = 5, settled = false },
    changes: Partial<LiveEdge> = {},
    acked: readonly ReturnType<typeof ack>[] = [],
  ) => {
    const acks = new Acknowledgements(systemClock, () => [{ ...edge, ...changes }]);
    acks.add('e1', acked);
    const told = acks.reports(key, revision).map((report) => [report.outcome, report.at]);
    return [await acks.wait([{ key, revision, settled }], 1), told];
  };
  const applied = [true, [['applied', 77]]];
  const untold = [false, []];
  assert.deepEqual(await wait({}), applied);
  assert.deepEqual(await wait({}, {}, [ack(4, 'rejected')]), applied, 'an older word');
  const late = { ...ack(5, 'rejected'), at: 78 };
  assert.deepEqual(await wait({}, {}, [late]), [false, [['rejected', 78]]]);
  assert.deepEqual(await wait({ revision: 6 }), untold);
  assert.deepEqual(await wait({ key: 'rollout.a' }), untold);
  const rejected = (revision: number) => ({ rejected: [{ key: 'tenant.a', revision }] });
  assert.deepEqual(await wait({}, rejected(5)), untold);
  assert.deepEqual(await wait({}, rejected(4)), applied);
  assert.deepEqual(await wait({ key: 'tenant.b' }, rejected(5)), applied);
});

test('what an edge rejected before it started anew counts no more once it serves it', async () => {
  const [base] = edges('e1');
  assert.ok(base);
  const rejected = [{ key: 'tenant.a', revision: 5 }];
  for (const [named, outcome] of [
    [[], 'applied'],
    [rejected, 'rejected'],
  ] as const) {
    const edge: LiveEdge = { ...base, rejected: named, loaded: { revision: 9, at: 77 } };
    const acks = new Acknowledgements(systemClock, () => [edge]);
    acks.add('e1', [ack(5, 'rejected')]);
    const settled = [{ key: 'tenant.a', revision: 5, settled: true }];
    assert.equal(await acks.wait(settled, LONG_MS), outcome === 'applied');
    assert.deepEqual(
      acks.reports('tenant.a', 5).map((report) => report.outcome),
      [outcome],
    );
  }
});

test('what an edge began to serve with before a write holds nothing of it: a higher revision may be committed first', async () => {
  const [base] = edges('e1');
  assert.ok(base);
  let loaded = { revision: 6, at: 77 };
  const acks = new Acknowledgements(systemClock, () => [{ ...base, loaded }]);
  assert.equal(await acks.wait(document(5), 1), false);
  const wait = acks.wait(document(5), LONG_MS);
  loaded = { revision: 6, at: 99 };
  assert.equal(await wait, true);
});

test('reports tell the newest word of each edge, sorted', () => {
  const acks = new Acknowledgements(systemClock, () => []);
  acks.add('e2', [ack(7, 'rejected'), ack(6)]);
  acks.add('e1', [ack(5)]);
  assert.deepEqual(acks.reports('tenant.a', 5), [
    { edgeId: 'e1', revision: 5, outcome: 'applied', at: 5 },
    { edgeId: 'e2', revision: 7, outcome: 'rejected', at: 7 },
  ]);
  assert.deepEqual(
    acks.reports('tenant.a', 6).map(({ edgeId }) => edgeId),
    ['e2'],
  );
});

test('an edge that went long ago is in no report', () => {
  const clock = createFakeClock();
  let live = ['e1', 'e2'];
  const acks = new Acknowledgements(clock, () => edges(...live));
  for (const id of live) acks.add(id, [ack(5)]);
  const reported = () => acks.reports('tenant.a', 5).map(({ edgeId }) => edgeId);
  live = ['e2'];
  acks.forgetGone();
  assert.deepEqual(reported(), ['e1', 'e2']);
  clock.advance(11 * 60_000);
  acks.forgetGone();
  assert.deepEqual(reported(), ['e2']);
});

test('closing ends every wait', async () => {
  const acks = new Acknowledgements(systemClock, () => edges('e1'));
  const waits = [acks.wait(document(5), LONG_MS), acks.wait(document(6), LONG_MS)];
  acks.close();
  assert.deepEqual(await Promise.all(waits), [false, false]);
});
