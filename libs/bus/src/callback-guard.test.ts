import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCallbackGuard } from './callback-guard.ts';

test('exceptions and rejections are counted and reported, even when the report throws', async () => {
  const reports: string[] = [];
  const guard = createCallbackGuard((where, error) => {
    reports.push(`${where}: ${String(error)}`);
    throw new Error('report bug');
  });
  guard.run('fine', () => 1);
  guard.run('sync', () => {
    throw new Error('a');
  });
  guard.run('async', () => Promise.reject(new Error('b')));
  await Promise.resolve();
  assert.equal(guard.failures, 2);
  assert.deepEqual(reports, ['sync: Error: a', 'async: Error: b']);
});
