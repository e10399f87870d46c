import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTable } from './text-table.ts';

test('columns are as wide as their widest cell; numbers stand right', () => {
  const lines = formatTable(
    [{ title: 'proxy' }, { title: 'rps', align: 'right' }],
    [
      ['nginx', '41,000'],
      ['fastify-with-a-long-name', '9'],
    ],
  );
  assert.deepEqual(lines, [
    'proxy                        rps',
    '────────────────────────────────',
    'nginx                     41,000',
    'fastify-with-a-long-name       9',
  ]);
});

test('a missing cell is empty, and no rows leave the head', () => {
  assert.deepEqual(formatTable([{ title: 'a' }, { title: 'b' }], [['1']]), ['a  b', '────', '1']);
  assert.deepEqual(formatTable([{ title: 'a' }], []), ['a', '─']);
});
