import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pageText } from './write-page.ts';

test('a page says what was run where and when, and its table holds any text', () => {
  const text = pageText(
    {
      name: 'some-faults',
      startedAt: new Date('2026-03-04T05:06:07Z'),
      machine: { cpu: 'CPU', cores: 2, kernel: 'Linux 6', node: 'v26', loadAverage: 0 },
      commit: 'abc1234',
    },
    {
      title: 'Faults',
      introduction: ['What is tried.'],
      table: { columns: [{ title: 'fault' }, { title: 'ok' }], cells: [['a | b\nc', 'yes']] },
    },
  );
  const lines = text.split('\n');
  assert.equal(lines[0], '# Faults');
  assert.ok(text.includes('npm run scenario -- --docs some-faults'));
  assert.ok(
    text.includes('Last run: 2026-03-04, commit abc1234, CPU with 2 cores, Linux 6, Node v26.'),
  );
  assert.equal(lines.at(-2), '| a \\| b c | yes |');
});
