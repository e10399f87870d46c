import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failedPrecondition, parseEtagCondition } from './etag.ts';

test('a condition is * or a list of entity tags', () => {
  assert.deepEqual(parseEtagCondition(' * '), { any: true });
  assert.deepEqual(parseEtagCondition('"1", W/"2"'), {
    any: false,
    tags: [
      { weak: false, opaque: '1' },
      { weak: true, opaque: '2' },
    ],
  });
  for (const bad of ['', '1', '"1', '"1" "2"', '"1",', '*, "1"', 'w/"1"']) {
    assert.equal(parseEtagCondition(bad), null, bad);
  }
});

const cases = [
  // If-Match, If-None-Match, revision, whether the request goes on
  [null, null, null, true],
  ['"5"', null, 5, true],
  ['"4", "5"', null, 5, true],
  ['"4"', null, 5, false],
  ['W/"5"', null, 5, false],
  ['*', null, 5, true],
  ['*', null, null, false],
  ['"5"', null, null, false],
  [null, '*', null, true],
  [null, '*', 5, false],
  [null, 'W/"5"', 5, false],
  [null, '"4"', 5, true],
] as const;

for (const [ifMatch, ifNoneMatch, revision, passes] of cases) {
  test(`If-Match ${ifMatch}, If-None-Match ${ifNoneMatch} at ${revision}: ${passes}`, () => {
    const conditions = {
      ifMatch: ifMatch === null ? null : parseEtagCondition(ifMatch),
      ifNoneMatch: ifNoneMatch === null ? null : parseEtagCondition(ifNoneMatch),
    };
    assert.equal(failedPrecondition(conditions, revision) === null, passes);
  });
}
