import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldChanges } from './field-changes.ts';

const cases: readonly (readonly [string, unknown, unknown, readonly unknown[]])[] = [
  ['nothing', { a: 1, b: [1] }, { b: [1], a: 1 }, []],
  ['a scalar', { a: 1 }, { a: 2 }, [{ path: 'a', before: 1, after: 2 }]],
  ['a nested field', { a: { b: 1 } }, { a: { b: 2 } }, [{ path: 'a.b', before: 1, after: 2 }]],
  ['what is added, whole', {}, { a: { b: 1 } }, [{ path: 'a', after: { b: 1 } }]],
  ['what is removed, whole', { a: { b: 1 } }, {}, [{ path: 'a', before: { b: 1 } }]],
  [
    'null as nothing',
    null,
    { a: 1, b: 2 },
    [
      { path: 'a', after: 1 },
      { path: 'b', after: 2 },
    ],
  ],
  [
    'a list of scalars, whole',
    { a: [1] },
    { a: [1, 2] },
    [{ path: 'a', before: [1], after: [1, 2] }],
  ],
  [
    'a list of objects, item by item',
    { a: [{ b: 1 }, { b: 2 }] },
    { a: [{ b: 1 }, { b: 3 }, { b: 4 }] },
    [
      { path: 'a[1].b', before: 2, after: 3 },
      { path: 'a[2]', after: { b: 4 } },
    ],
  ],
  ['a key that every object inherits', {}, { constructor: 1 }, [{ path: 'constructor', after: 1 }]],
  [
    'a secret, hidden',
    { sha256: 'a', clientSecret: 'same' },
    { sha256: 'b', clientSecret: 'same' },
    [{ path: 'sha256', before: '(hidden)', after: '(hidden)' }],
  ],
  [
    'a secret inside of what is added, hidden',
    {},
    { keys: [{ id: 'a', sha256: 'b' }], auth: { password: 'c', user: 'd' } },
    [
      { path: 'auth', after: { password: '(hidden)', user: 'd' } },
      { path: 'keys', after: [{ id: 'a', sha256: '(hidden)' }] },
    ],
  ],
];

for (const [name, before, after, expected] of cases) {
  test(`the difference names ${name}`, () => {
    assert.deepEqual(fieldChanges(before, after), expected);
  });
}
