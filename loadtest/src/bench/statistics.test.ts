import assert from 'node:assert/strict';
import { test } from 'node:test';
import { spreadOf } from './statistics.ts';

test('the median is the middle value, or the mean of the two in the middle', () => {
  assert.deepEqual(spreadOf([7]), { median: 7, min: 7, max: 7 });
  assert.deepEqual(spreadOf([10, 1, 2]), { median: 2, min: 1, max: 10 });
  assert.deepEqual(spreadOf([4, 1, 100, 2]), { median: 3, min: 1, max: 100 });
});

test('numbers are compared as numbers, and the input stays as it is', () => {
  const values = [9, 10, 100];
  assert.equal(spreadOf(values).median, 10);
  assert.deepEqual(values, [9, 10, 100]);
});

test('nothing to summarise is a bug of the caller', () => {
  assert.throws(() => spreadOf([]), RangeError);
  assert.throws(() => spreadOf([1, Number.NaN]), RangeError);
  assert.throws(() => spreadOf([1, Infinity]), RangeError);
});
