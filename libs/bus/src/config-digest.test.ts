import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ConfigDigest, digestBucket, DigestMessage } from './config-digest.ts';
import { HeldDocuments } from './held-documents.ts';

const key = fc.integer({ min: 0, max: 40 }).map((number) => `tenant.t${number}`);
const change = fc.record({
  key,
  revision: fc.integer({ min: 1, max: 60 }),
  deleted: fc.boolean(),
});

test('the digest depends on the live documents alone, not on the way there', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 120 }), (changes) => {
      const held = new HeldDocuments({ liveMax: 1000, deletedMax: 1000 });
      const live = new Map<string, number>();
      const newest = new Map<string, number>();
      for (const { key: id, revision, deleted } of changes) {
        const isNewer = revision > (newest.get(id) ?? 0);
        assert.equal(held.hold(id, revision, deleted), isNewer ? 'new' : 'stale');
        if (!isNewer) continue;
        newest.set(id, revision);
        if (deleted) live.delete(id);
        else live.set(id, revision);
      }
      const fresh = new ConfigDigest();
      for (const [id, revision] of [...live].reverse()) fresh.add(id, revision);
      assert.equal(held.digest.count, live.size);
      assert.deepEqual(held.digest.differences(fresh.toMessage('e', 1)), []);
      assert.equal(held.highestRevision, Math.max(0, ...newest.values()));
    }),
    { numRuns: 300, seed: 1 },
  );
});

test('one document more, less or at another revision shows in its bucket', () => {
  const digest = new ConfigDigest();
  for (let number = 0; number < 1000; number++) digest.add(`tenant.t${number}`, number + 1);
  const message = digest.toMessage('e', 1000);
  const bucket = digestBucket('tenant.t7');
  digest.replace('tenant.t7', 8, 9);
  assert.deepEqual(digest.differences(message), [bucket]);
  digest.replace('tenant.t7', 9, 8);
  assert.deepEqual(digest.differences(message), []);
  digest.remove('tenant.t7', 8);
  assert.deepEqual(digest.differences(message), [bucket]);
});

test('the wire format stays as it is: bucket numbers and values', () => {
  assert.equal(digestBucket('tenant.acme'), 46);
  const digest = new ConfigDigest();
  digest.add('tenant.acme', 12);
  const message = digest.toMessage('epoch', 12);
  assert.equal(message.buckets[46], '720ab7bbe7b0704c');
  assert.equal(message.buckets.filter((value) => value !== '0000000000000000').length, 1);
  assert.ok(DigestMessage.safeParse(JSON.parse(JSON.stringify(message))).success);
});

test('keys spread evenly over the buckets', () => {
  const counts = new Uint32Array(64);
  for (let number = 0; number < 6400; number++) {
    const bucket = digestBucket(`tenant.t${number}`);
    counts[bucket] = (counts[bucket] ?? 0) + 1;
  }
  assert.ok(Math.min(...counts) > 50 && Math.max(...counts) < 150, String(counts));
});
