import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { decodeDocument, type ReceivedDocument } from '@headgate/bus';
import { createFakeClock, temporaryDirectory, waitFor } from '@headgate/testkit';
import {
  planDocument,
  rolloutDocument,
  tenantDocument,
  upstreamDocument,
} from '../../test/support/edge-process.ts';
import type { DocumentOutcome, PrimaryMessage } from '../ipc/messages.ts';
import { parseDocument, type WireDocument } from '../ipc/wire-document.ts';
import { Configuration } from './configuration.ts';
import { Probation } from './probation.ts';
import { SnapshotFiles, type Marks, type Unproven } from './snapshot-files.ts';

const upstreams = { main: { endpoints: [{ host: '127.0.0.1', port: 9 }] } };
const routes = { all: { upstreamId: 'main' } };
const tenant = (revision: number): WireDocument =>
  tenantDocument({ id: 'a', hosts: ['a.test'], upstreams, routes }, revision);

const rollout = (revision: number, rings: readonly string[]): WireDocument =>
  rolloutDocument({ id: 'a', hosts: ['a.test'], upstreams, routes }, revision, rings);

async function createHarness(given?: { synced?: false; files?: (path: string) => SnapshotFiles }) {
  const directory = await temporaryDirectory();
  const files = given?.files?.(directory.path) ?? new SnapshotFiles(directory.path);
  await files.load();
  const diskErrors: unknown[] = [];
  const sent: PrimaryMessage[] = [];
  const decided: DocumentOutcome[] = [];
  const loaded: number[] = [];
  /** Keys of what was rejected when the end of the first sync was told. */
  const rejectedThen: string[] = [];
  const workers = ['0.1', '1.2'];
  const clock = createFakeClock();
  const probation = new Probation(clock);
  const configuration = new Configuration({
    ring: 'default',
    clock,
    probation,
    files,
    broadcast: (message) => sent.push(message),
    workerIds: () => workers,
    onDecided: (outcome) => decided.push(outcome),
    onLoaded(revision) {
      loaded.push(revision);
      rejectedThen.push(...configuration.rejected().map(({ key }) => key));
    },
    onDiskError: (error) => diskErrors.push(error),
  });
  const endFirstSync = (revision: number) => {
    configuration.synced(revision);
    for (const worker of workers) configuration.barrierReached(worker);
  };
  if (given?.synced !== false) endFirstSync(0);
  const receive = async (revision: number, document = tenant(revision)) => {
    const before = sent.length;
    configuration.receive(received(document), true);
    await waitFor(() => sent.length > before, { message: 'the workers to be told' });
  };
  const answer = (worker: string, revision: number, reason = '', key = 'tenant.a') => {
    const outcome = reason === '' ? 'applied' : 'rejected';
    configuration.decide(worker, [{ key, revision, outcome, reason }]);
  };
  const onDisk = async () => {
    await configuration.close();
    assert.ok(given?.files !== undefined || diskErrors.length === 0, String(diskErrors[0]));
    const { documents } = await new SnapshotFiles(directory.path).load();
    return documents.get('tenant.a')?.header.revision ?? null;
  };
  const remove = () => directory.remove();
  return {
    ...{ configuration, sent, decided, loaded, rejectedThen, diskErrors },
    ...{ receive, answer, endFirstSync, onDisk, remove },
  };
}

/** As it comes over the bus. */
function received(document: WireDocument): ReceivedDocument {
  const decoded = decodeDocument(Buffer.from(document.text), document.key);
  assert.ok(decoded.ok);
  return decoded.document;
}

const inForce = (configuration: Configuration) => Object.fromEntries(configuration.held());

test('a revision is in force, on disk and acknowledged once every worker has applied it', async () => {
  const harness = await createHarness();
  await harness.receive(1);
  harness.answer('0.1', 1);
  assert.deepEqual(inForce(harness.configuration), {});
  assert.equal(harness.configuration.undecided, 1);
  assert.equal(harness.decided.length, 0);
  harness.answer('1.2', 1);
  assert.equal(harness.configuration.undecided, 0);
  assert.deepEqual(inForce(harness.configuration), { 'tenant.a': 1 });
  assert.equal(harness.decided[0]?.outcome, 'applied');
  assert.equal(await harness.onDisk(), 1);
  await harness.remove();
});

test('a revision that one worker rejects leaves the last good one in force, in memory and on disk', async () => {
  const harness = await createHarness();
  await harness.receive(1);
  harness.answer('0.1', 1);
  harness.answer('1.2', 1);
  await harness.receive(2);
  harness.answer('0.1', 2);
  harness.answer('1.2', 2, 'route web: upstream is missing');
  assert.deepEqual(inForce(harness.configuration), { 'tenant.a': 1 });
  assert.deepEqual(harness.configuration.rejected(), [
    { key: 'tenant.a', revision: 2, reason: 'route web: upstream is missing' },
  ]);
  assert.equal(harness.decided.at(-1)?.outcome, 'rejected');
  assert.equal(await harness.onDisk(), 1);
  await harness.remove();
});

const needed: readonly (readonly [string, (revision: number) => WireDocument])[] = [
  ['a plan', (revision) => planDocument({}, revision)],
  ['a shared upstream', (revision) => upstreamDocument('mail', [80], revision)],
];
for (const [comes, at] of needed) {
  test(`what a worker refused is tried again when ${comes} comes, and is in force once all have applied it`, async () => {
    const harness = await createHarness();
    await harness.receive(2);
    harness.answer('0.1', 2, 'plan test is not known here (yet)');
    harness.answer('1.2', 2, 'plan test is not known here (yet)');
    assert.equal(harness.configuration.rejected().length, 1);
    const accept = async (document: WireDocument): Promise<readonly PrimaryMessage[]> => {
      await harness.receive(document.revision, document);
      const before = harness.sent.length;
      for (const worker of ['0.1', '1.2']) {
        harness.answer(worker, document.revision, '', document.key);
      }
      return harness.sent.slice(before);
    };
    assert.deepEqual(await accept(at(1)), [
      { type: 'documents', compileNow: true, documents: [tenant(2).text] },
    ]);
    harness.answer('0.1', 2);
    harness.answer('1.2', 2);
    assert.deepEqual(inForce(harness.configuration), { [at(1).key]: 1, 'tenant.a': 2 });
    assert.deepEqual(harness.configuration.rejected(), []);
    assert.equal(harness.decided.at(-1)?.outcome, 'applied');
    assert.deepEqual(await accept(at(3)), [], 'nothing is refused any more');
    await harness.onDisk();
    await harness.remove();
  });
}

test('a better revision clears the rejection', async () => {
  const harness = await createHarness();
  await harness.receive(1);
  harness.answer('0.1', 1, 'no');
  await harness.receive(2);
  harness.answer('0.1', 2);
  harness.answer('1.2', 2);
  assert.deepEqual(harness.configuration.rejected(), []);
  assert.deepEqual(inForce(harness.configuration), { 'tenant.a': 2 });
  await harness.onDisk();
  await harness.remove();
});

test('a worker that dies is not waited for', async () => {
  const harness = await createHarness();
  await harness.receive(1);
  harness.answer('0.1', 1);
  harness.configuration.workerLost({ id: '1.2', index: 1, livedMs: 100_000 }, 'killed');
  assert.deepEqual(inForce(harness.configuration), { 'tenant.a': 1 });
  await harness.onDisk();
  await harness.remove();
});

test('an outcome for another revision than the awaited one decides nothing', async () => {
  const harness = await createHarness();
  await harness.receive(2);
  harness.answer('0.1', 1);
  harness.answer('1.2', 1);
  assert.deepEqual(inForce(harness.configuration), {});
  await harness.onDisk();
  await harness.remove();
});

test('a deletion is gone at once, from disk too', async () => {
  const harness = await createHarness();
  await harness.receive(1);
  harness.answer('0.1', 1);
  harness.answer('1.2', 1);
  harness.configuration.remove('tenant.a', 2);
  assert.deepEqual(inForce(harness.configuration), {});
  assert.equal(await harness.onDisk(), null);
  await harness.remove();
});

test('a first sync that is cut short leaves nothing on disk that passes for a whole', async () => {
  const harness = await createHarness({ synced: false });
  await harness.receive(1);
  harness.answer('0.1', 1);
  harness.answer('1.2', 1);
  assert.deepEqual(inForce(harness.configuration), { 'tenant.a': 1 });
  assert.equal(await harness.onDisk(), null);
  await harness.remove();
});

test('what was undecided at the first sync is written with the rest', async () => {
  const harness = await createHarness({ synced: false });
  await harness.receive(1);
  harness.answer('0.1', 1);
  harness.endFirstSync(1);
  harness.answer('1.2', 1);
  assert.equal(await harness.onDisk(), 1);
  await harness.remove();
});

test('what came last before the first sync is sent to workers before they can be told to listen', async () => {
  const { configuration, sent, remove } = await createHarness({ synced: false });
  configuration.receive(received(tenant(1)), false);
  configuration.synced(1);
  // In the same turn, as the primary says listen.
  assert.deepEqual(sent, [
    { type: 'documents', compileNow: false, documents: [tenant(1).text] },
    { type: 'barrier' },
  ]);
  await configuration.close();
  await remove();
});

suite('the first sync', () => {
  const other = (revision: number) =>
    tenantDocument({ id: 'b', hosts: ['b.test'], upstreams, routes }, revision);

  test('tenants come in force unseen; all of them are told of at once, when every worker has them', async () => {
    const harness = await createHarness({ synced: false });
    const { configuration, decided, loaded } = harness;
    configuration.receive(received(tenant(1)), false);
    assert.deepEqual([inForce(configuration), configuration.undecided], [{ 'tenant.a': 1 }, 1]);
    configuration.synced(5);
    configuration.barrierReached('0.1');
    assert.deepEqual([configuration.complete, loaded], [false, []]);
    configuration.barrierReached('1.2');
    assert.deepEqual([configuration.complete, configuration.undecided], [true, 0]);
    assert.deepEqual([loaded, decided], [[5], []]);
    assert.equal(await harness.onDisk(), 1);
    await harness.remove();
  });

  test('what is newer than the digest, what is rejected, and rollouts of this ring are told of one by one', async () => {
    const harness = await createHarness({ synced: false });
    const { configuration, decided, loaded } = harness;
    for (const document of [tenant(7), other(3), rollout(4, ['default'])]) {
      configuration.receive(received(document), false);
    }
    const late = tenantDocument({ id: 'c', hosts: ['c.test'], upstreams, routes }, 8);
    configuration.receive(received(late), false);
    configuration.synced(5);
    harness.answer('0.1', 3, 'no', 'tenant.b');
    configuration.remove('tenant.c', 9);
    decided.length = 0;
    for (const worker of ['0.1', '1.2']) configuration.barrierReached(worker);
    assert.deepEqual(
      decided.map(({ key, revision, outcome }) => `${key} ${revision} ${outcome}`),
      ['tenant.b 3 rejected', 'tenant.a 7 applied', 'rollout.a 4 applied'],
    );
    assert.deepEqual(loaded, [5]);
    await harness.onDisk();
    await harness.remove();
  });

  test('rollouts of other rings are held and not told of', async () => {
    const harness = await createHarness({ synced: false });
    harness.configuration.receive(received(rollout(4, ['canary'])), false);
    harness.endFirstSync(5);
    assert.deepEqual([harness.loaded, harness.decided], [[5], []]);
    await harness.onDisk();
    await harness.remove();
  });

  test('a worker that ends is not waited for, and plans are awaited', async () => {
    const harness = await createHarness({ synced: false });
    const { configuration, loaded } = harness;
    configuration.receive(received(planDocument({}, 2)), false);
    configuration.receive(received(tenant(1)), false);
    assert.deepEqual(inForce(configuration), { 'tenant.a': 1 });
    configuration.synced(2);
    configuration.barrierReached('0.1');
    harness.answer('0.1', 2, '', 'plan.test');
    assert.deepEqual(loaded, []);
    configuration.workerLost({ id: '1.2', index: 1, livedMs: 100_000 }, 'killed');
    assert.deepEqual(loaded, [2]);
    assert.deepEqual(inForce(configuration), { 'plan.test': 2, 'tenant.a': 1 });
    await harness.onDisk();
    await harness.remove();
  });

  test('what is decided last is among the rejected ones by the time that all are told of', async () => {
    const harness = await createHarness({ synced: false });
    harness.configuration.receive(received(planDocument({}, 2)), false);
    harness.endFirstSync(2);
    harness.answer('0.1', 2, 'no such kind', 'plan.test');
    assert.deepEqual([harness.loaded, harness.rejectedThen], [[2], ['plan.test']]);
    await harness.onDisk();
    await harness.remove();
  });

  test('an edge that serves from its disk takes no tenant unseen, and tells of each, however long the sync takes', async () => {
    const harness = await createHarness({ synced: false });
    const { configuration, decided } = harness;
    const documents = new Map([['tenant.a', tenant(1)]]);
    configuration.restore({ documents, fresh: new Map(), withdrawn: new Map(), whole: true });
    configuration.receive(received(other(2)), false);
    assert.deepEqual(inForce(configuration), { 'tenant.a': 1 });
    for (const worker of ['0.1', '1.2']) harness.answer(worker, 2, '', 'tenant.b');
    assert.deepEqual(inForce(configuration), { 'tenant.a': 1, 'tenant.b': 2 });
    assert.deepEqual(
      decided.map(({ key, outcome }) => `${key} ${outcome}`),
      ['tenant.b applied'],
    );
    await harness.onDisk();
    await harness.remove();
  });

  test('what failed on first use is tried by the next worker, which tells whether it is well by now', async () => {
    const harness = await createHarness({ synced: false });
    const { configuration } = harness;
    for (const document of [tenant(1), other(2)]) configuration.receive(received(document), false);
    harness.endFirstSync(2);
    harness.answer('0.1', 2, 'no plan', 'tenant.b');
    assert.deepEqual(
      [...configuration.primingMessages('0.3')],
      [
        { type: 'documents', compileNow: false, documents: [tenant(1).text, other(2).text] },
        { type: 'documents', compileNow: true, documents: [other(2).text] },
      ],
    );
    harness.answer('0.3', 2, '', 'tenant.b');
    assert.deepEqual(configuration.rejected(), []);
    await harness.onDisk();
    await harness.remove();
  });

  test('a second revision of a tenant is compiled before it replaces the first', async () => {
    const harness = await createHarness({ synced: false });
    harness.configuration.receive(received(tenant(1)), false);
    harness.configuration.receive(received(tenant(2)), false);
    assert.deepEqual(inForce(harness.configuration), { 'tenant.a': 1 });
    harness.answer('0.1', 2);
    harness.answer('1.2', 2);
    assert.deepEqual(inForce(harness.configuration), { 'tenant.a': 2 });
    await harness.onDisk();
    await harness.remove();
  });
});

test('a disk that failed is told of once, and has everything as soon as it works', async () => {
  let full = true;
  class FullDisk extends SnapshotFiles {
    override append(documents: readonly WireDocument[], marks: Marks): Promise<void> {
      return full ? Promise.reject(new Error('ENOSPC')) : super.append(documents, marks);
    }
    override compact(good: readonly WireDocument[], unproven: Unproven): Promise<void> {
      return full ? Promise.reject(new Error('ENOSPC')) : super.compact(good, unproven);
    }
  }
  const harness = await createHarness({ files: (path) => new FullDisk(path) });
  await harness.receive(1);
  harness.answer('0.1', 1);
  harness.answer('1.2', 1);
  await waitFor(() => harness.diskErrors.length > 0, { message: 'the failed write' });
  full = false;
  assert.equal(await harness.onDisk(), 1);
  assert.equal(harness.diskErrors.length, 1);
  await harness.remove();
});

test('a rollout is held by every edge, and acknowledged by those of its rings alone', async () => {
  const rings: [revision: number, rings: readonly string[]][] = [
    [2, ['canary']],
    [3, ['canary', 'default']],
  ];
  const harness = await createHarness();
  for (const [revision, named] of rings) {
    await harness.receive(revision, rollout(revision, named));
    for (const worker of ['0.1', '1.2']) harness.answer(worker, revision, '', 'rollout.a');
    assert.deepEqual(inForce(harness.configuration), { 'rollout.a': revision });
  }
  assert.deepEqual(
    harness.decided.map(({ key, revision }) => [key, revision]),
    [['rollout.a', 3]],
  );
  await harness.onDisk();
  await harness.remove();
});

test('a withdrawn rollout leaves no placeholder: its tenant goes on with its own document', async () => {
  const harness = await createHarness();
  await harness.receive(1);
  for (const worker of ['0.1', '1.2']) harness.answer(worker, 1);
  await harness.receive(2, rollout(2, ['default']));
  for (const worker of ['0.1', '1.2']) harness.answer(worker, 2, '', 'rollout.a');
  harness.sent.length = 0;
  harness.configuration.withdraw(['rollout.a'], 'workers ended');
  assert.deepEqual(harness.sent, [{ type: 'removed', keys: ['rollout.a'] }]);
  assert.deepEqual([...harness.configuration.primingMessages('0.3')].length, 1);
  assert.deepEqual(harness.decided.at(-1), {
    ...{ key: 'rollout.a', revision: 2, outcome: 'rejected', reason: 'workers ended' },
  });
  await harness.onDisk();
  await harness.remove();
});

test('a withdrawal that meets a newer undecided revision does not bring workers back from that for good', async () => {
  const harness = await createHarness({ synced: false });
  await harness.receive(1);
  for (const worker of ['0.1', '1.2']) harness.answer(worker, 1);
  harness.endFirstSync(1);
  await harness.receive(2);
  for (const worker of ['0.1', '1.2']) harness.answer(worker, 2);
  await harness.receive(3);
  harness.answer('0.1', 3);
  harness.sent.length = 0;
  harness.configuration.withdraw(['tenant.a'], 'workers ended');
  const told = harness.sent.map((message) =>
    message.type === 'documents'
      ? message.documents.map((text) => parseDocument(text).header.revision)
      : [],
  );
  assert.deepEqual(told.flat(), [1, 3]);
  harness.answer('1.2', 3);
  assert.deepEqual(
    inForce(harness.configuration),
    { 'tenant.a': 1 },
    'not before all say so again',
  );
  harness.answer('0.1', 3);
  assert.deepEqual(inForce(harness.configuration), { 'tenant.a': 3 });
  await harness.onDisk();
  await harness.remove();
});

suite('a revision that throws in a worker', () => {
  test('goes at once, though others are still deciding on it; their answers bring nothing back', async () => {
    const harness = await createHarness({ synced: false });
    await harness.receive(1);
    for (const worker of ['0.1', '1.2']) harness.answer(worker, 1);
    harness.endFirstSync(1);
    await harness.receive(2);
    harness.answer('0.1', 2);
    const fault = { key: 'tenant.a', revision: 2, reason: 'it threw' };
    assert.deepEqual(harness.configuration.faulted(fault), [fault]);
    harness.answer('1.2', 2);
    assert.deepEqual(inForce(harness.configuration), { 'tenant.a': 1 });
    assert.deepEqual(harness.configuration.rejected(), [fault]);
    assert.deepEqual(harness.configuration.faulted(fault), [], 'all workers tell of it');
    assert.equal(await harness.onDisk(), 1);
    await harness.remove();
  });

  test('stays if it has proved itself, or if it is not in force', async () => {
    const harness = await createHarness({ synced: false });
    await harness.receive(1);
    for (const worker of ['0.1', '1.2']) harness.answer(worker, 1);
    harness.endFirstSync(1);
    for (const revision of [1, 7]) {
      const fault = { key: 'tenant.a', revision, reason: 'it threw' };
      assert.deepEqual(harness.configuration.faulted(fault), []);
    }
    assert.deepEqual(inForce(harness.configuration), { 'tenant.a': 1 });
    assert.deepEqual(harness.configuration.rejected(), []);
    await harness.onDisk();
    await harness.remove();
  });
});
