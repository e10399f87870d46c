import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createColors } from 'picocolors';
import { formatFieldChanges } from './diff-format.ts';

test('what is added, removed and changed has a sign each, and no control characters', () => {
  const text = formatFieldChanges(
    [
      { path: 'name', after: 'A\u001b[31m' },
      { path: 'routes.web', before: { upstreamId: 'api' } },
      { path: 'limits[0].limit', before: 5, after: 7 },
      { path: 'labels', before: 'x'.repeat(200), after: null },
    ],
    createColors(false),
    '  ',
  );
  assert.equal(
    text,
    [
      '  + name = "A\\u001b[31m"',
      '  - routes.web = {"upstreamId":"api"}',
      '  ~ limits[0].limit: 5 → 7',
      `  ~ labels: "${'x'.repeat(119)}… → null`,
    ].join('\n'),
  );
});
