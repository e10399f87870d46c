import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shareOf } from '@headgate/limiting';
import { temporaryDirectory } from '@headgate/testkit';
import { LiveShare, type LiveEdges } from './live-share.ts';

function edgesOf(workers: Readonly<Record<string, number>>): LiveEdges {
  const ids = Object.keys(workers).sort();
  return {
    live: () => ids.map((id) => ({ id, info: { workers: workers[id] ?? 1 } })),
    mostLiveOverLastMinute: () => ids.length,
    rankOf: (id) => (ids.includes(id) ? ids.indexOf(id) : null),
  };
}

test('the shares of all workers of all edges never add up to more than the limit', () => {
  const workers = { a: 1, b: 4, c: 2 };
  for (const limit of [1, 7, 12, 100]) {
    let total = 0;
    for (const [id, count] of Object.entries(workers)) {
      const share = new LiveShare('', id, count, edgesOf(workers));
      for (let index = 0; index < count; index += 1) total += shareOf(limit, share.of(index));
    }
    assert.ok(total <= limit, `limit ${limit}: ${total}`);
  }
});

test('equal edges use the whole limit', () => {
  let total = 0;
  for (const id of ['a', 'b']) {
    const share = new LiveShare('', id, 2, edgesOf({ a: 2, b: 2 }));
    total += shareOf(101, share.of(0)) + shareOf(101, share.of(1));
  }
  assert.equal(total, 101);
});

test('an edge that starts without the bus goes by what it knew before, until presence is known', async () => {
  const directory = await temporaryDirectory();
  const before = new LiveShare(directory.path, 'a', 1, edgesOf({ a: 1, b: 1, c: 1 }));
  await before.save();
  const alone = new LiveShare(directory.path, 'a', 1, edgesOf({}));
  assert.equal(alone.of(0).liveEdges, 1);
  await alone.restore();
  assert.equal(alone.of(0).liveEdges, 3);
  alone.trustPresence();
  assert.equal(alone.of(0).liveEdges, 1);
  await directory.remove();
});

test('edges that start without the bus, and know no place among the others, admit no more than the limit together', async () => {
  const directory = await temporaryDirectory();
  await new LiveShare(directory.path, 'a', 2, edgesOf({ a: 2, b: 2, c: 2 })).save();
  for (const limit of [1, 5, 6, 7, 11, 100]) {
    let total = 0;
    for (const id of ['a', 'b', 'c']) {
      const share = new LiveShare(directory.path, id, 2, edgesOf({}));
      await share.restore();
      for (const index of [0, 1]) total += shareOf(limit, share.of(index));
    }
    assert.ok(total <= limit, `limit ${limit}: ${total}`);
  }
  await directory.remove();
});

test('an edge that is alone has the whole limit before presence tells its place', () => {
  const share = new LiveShare('', 'a', 2, edgesOf({}));
  assert.equal(shareOf(7, share.of(0)) + shareOf(7, share.of(1)), 7);
});
