import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changedPaths } from './changed-paths.ts';

const cases = [
  [{ a: 1 }, { a: 1 }, []],
  [{ a: 1 }, { a: 2 }, ['a']],
  [{ a: { b: 1, c: 2 } }, { a: { b: 1, c: 3 }, d: 1 }, ['a.c', 'd']],
  [{ a: { b: 1 } }, {}, ['a']],
  [{ list: [1, 2] }, { list: [2, 1] }, ['list']],
  [{ list: [{ a: 1 }] }, { list: [{ a: 1 }] }, []],
  [{ path: { exact: '/' } }, { path: { prefix: '/' } }, ['path.exact', 'path.prefix']],
] as const;

for (const [before, after, paths] of cases) {
  test(`${JSON.stringify(before)} to ${JSON.stringify(after)} changes ${paths.join(', ')}`, () => {
    assert.deepEqual(changedPaths(before, after), paths);
  });
}
