import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestBucket } from './config-digest.ts';
import { HeldDocuments } from './held-documents.ts';

test('no more live documents than allowed; those held can change and go', () => {
  const held = new HeldDocuments({ liveMax: 2, deletedMax: 10 });
  held.hold('tenant.a', 1, false);
  held.hold('tenant.b', 2, false);
  assert.equal(held.hold('tenant.c', 3, false), 'full');
  assert.equal(held.highestRevision, 2);
  assert.equal(held.hold('tenant.a', 4, false), 'new');
  assert.equal(held.hold('tenant.b', 5, true), 'new');
  assert.equal(held.hold('tenant.c', 6, false), 'new');
  assert.equal(held.size, 2);
});

test('a deletion outlives an older copy that comes late, and yields to a newer document', () => {
  const held = new HeldDocuments({ liveMax: 10, deletedMax: 10 });
  held.hold('tenant.a', 5, true);
  assert.equal(held.hold('tenant.a', 4, false), 'stale');
  assert.equal(held.liveRevision('tenant.a'), undefined);
  assert.equal(held.hold('tenant.a', 6, false), 'new');
  assert.equal(held.liveRevision('tenant.a'), 6);
});

test('remembered deletions are bounded, the oldest is forgotten first', () => {
  const held = new HeldDocuments({ liveMax: 10, deletedMax: 2 });
  for (const [index, id] of ['a', 'b', 'c'].entries()) held.hold(id, index + 10, true);
  assert.equal(held.hold('b', 1, false), 'stale');
  assert.equal(held.hold('a', 1, false), 'new');
});

test('inBucket lists the live keys of one bucket', () => {
  const held = new HeldDocuments({ liveMax: 1000, deletedMax: 10 });
  for (let number = 0; number < 500; number++) held.hold(`tenant.t${number}`, number + 1, false);
  const bucket = digestBucket('tenant.t1');
  const listed = held.inBucket(bucket);
  assert.ok(listed.some(([key, revision]) => key === 'tenant.t1' && revision === 2));
  assert.ok(listed.every(([key]) => digestBucket(key) === bucket));
  assert.ok(listed.length < 40);
});
