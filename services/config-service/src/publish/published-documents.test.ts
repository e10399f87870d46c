import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestBucket } from '@headgate/bus';
import { PublishedDocuments } from './published-documents.ts';

const live = (key: string, revision: number) => ({ key, revision, deleted: false });
const KEYS = ['tenant.a', 'tenant.b', 'tenant.c', 'plan.base'];

function published(revisions: readonly number[]): PublishedDocuments {
  return new PublishedDocuments(
    'epoch',
    KEYS.map((key, index) => live(key, revisions[index] ?? 0)),
  );
}

test('the digest depends on what is published, not on how it came about', () => {
  const direct = published([5, 2, 3, 4]);
  const grown = published([1, 2, 3, 4]);
  grown.note(live('tenant.d', 4));
  grown.note(live('tenant.a', 5));
  grown.note({ key: 'tenant.d', revision: 5, deleted: true });
  assert.deepEqual(grown.digest(), direct.digest());
  grown.note(live('tenant.a', 3));
  assert.deepEqual(grown.digest(), direct.digest(), 'an older revision changes nothing');
});

test('a bucket lacks what its digest does not cover', () => {
  const now = published([9, 2, 3, 4]);
  assert.deepEqual(now.missingFrom(now.digest()), []);
  assert.deepEqual(now.missingFrom(null).sort(), [...KEYS].sort(), 'wiped');
  const foreign = { ...now.digest(), epoch: 'another' };
  assert.equal(now.missingFrom(foreign).length, KEYS.length, 'of another database');
  const rewound = now.missingFrom(published([1, 2, 3, 4]).digest());
  assert.deepEqual(
    rewound.sort(),
    KEYS.filter((key) => digestBucket(key) === digestBucket('tenant.a')).sort(),
  );
});
