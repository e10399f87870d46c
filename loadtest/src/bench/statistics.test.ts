import assert from 'node:assert/strict';
import { test } from 'node:test';
import { percentileOf, spreadOf } from './statistics.ts';

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

test('a percentile is a value that was measured, by nearest rank', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
  assert.equal(percentileOf(hundred, 50), 50);
  assert.equal(percentileOf(hundred, 99), 99);
  assert.equal(percentileOf(hundred, 99.1), 100);
  assert.equal(percentileOf(hundred, 100), 100);
  assert.equal(percentileOf([7], 1), 7);
  assert.throws(() => percentileOf([], 50), RangeError);
});
