import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestBucket, DIGEST_BUCKETS } from '@headgate/bus';
import { createConfigSource } from './config-source.ts';

/** A source of 500 documents, one of them deleted, that counts how often all of them are read. */
function createSource() {
  const clock = { ms: 0, monotonicMs: () => clock.ms };
  const database = { reads: 0, away: false };
  const entries = Array.from({ length: 500 }, (_, index) => {
    return { key: `tenant.t${index}`, revision: index + 1, deleted: index === 499 };
  });
  const source = createConfigSource(
    { clock },
    {
      epoch: () => Promise.resolve('epoch'),
      documents: () => Promise.resolve([]),
      entries() {
        database.reads += 1;
        return database.away ? Promise.reject(new Error('away')) : Promise.resolve([...entries]);
      },
    },
  );
  return { clock, database, entries, source };
}

test('a repair of all buckets by several edges reads the documents once, and each is in one bucket', async () => {
  const { database, source } = createSource();
  const buckets = Array.from({ length: DIGEST_BUCKETS }, (_, bucket) => bucket);
  const edges = await Promise.all(
    [1, 2, 3].map(() => Promise.all(buckets.map((bucket) => source.list(bucket)))),
  );
  assert.equal(database.reads, 1);
  for (const listed of edges) {
    const keys = listed.flatMap(({ entries }) => entries.map(([key]) => key));
    assert.equal(new Set(keys).size, 499, 'all but the deleted one');
    assert.equal(keys.length, 499);
    listed.forEach(({ entries, revision }, bucket) => {
      assert.ok(entries.every(([key]) => digestBucket(key) === bucket));
      assert.equal(revision, 500, 'deletions included');
    });
  }
});

test('a listing is never older than a second, nor than the digest asked for last', async () => {
  const { clock, database, entries, source } = createSource();
  const bucket = digestBucket('tenant.new');
  const has = async (key: string) => (await source.list(bucket)).entries.some(([k]) => k === key);
  await source.list(bucket);
  entries.push({ key: 'tenant.new', revision: 501, deleted: false });
  clock.ms = 1000;
  assert.equal(await has('tenant.new'), false);
  assert.equal(database.reads, 1);
  clock.ms = 1001;
  assert.equal(await has('tenant.new'), true);
  entries.pop();
  assert.equal((await source.digest()).count, 499);
  assert.equal(await has('tenant.new'), false);
  assert.equal(database.reads, 3);
});

test('edges that ask for the digest at once share a reading, which began after they asked', async () => {
  const { database, entries, source } = createSource();
  const first = source.digest();
  const late = Array.from({ length: 200 }, () => source.digest());
  entries.push({ key: 'tenant.new', revision: 501, deleted: false });
  const later = source.digest();
  assert.equal((await first).count, 499, 'it was read before the change');
  for (const digest of await Promise.all([...late, later])) assert.equal(digest.revision, 501);
  assert.equal(database.reads, 2);
  assert.equal((await source.digest()).count, 500);
  assert.equal(database.reads, 3);
});

test('a reading that fails does not keep the one after it from beginning', async () => {
  const { database, source } = createSource();
  database.away = true;
  const first = Promise.resolve(source.digest());
  const second = Promise.resolve(source.digest());
  await assert.rejects(first, /away/);
  await assert.rejects(second, /away/);
  database.away = false;
  assert.equal((await source.digest()).count, 499);
  assert.equal((await source.list(0)).revision, 500);
});

test('a failure is told to those who asked, and not kept', async () => {
  const { database, source } = createSource();
  database.away = true;
  await assert.rejects(source.list(0), /away/);
  database.away = false;
  assert.equal((await source.list(0)).revision, 500);
});
