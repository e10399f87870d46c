import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressBounds, AddressCounts } from './address-counts.ts';

const nobody = (): boolean => false;

test('connections of an address are counted up to the bound, exactly, and nothing is kept of those that ended', () => {
  const counts = new AddressCounts({ max: 2, trustedMax: 2, isTrusted: nobody });
  const take = (key: string): boolean => counts.take(key, key);
  assert.deepEqual([take('a'), take('a'), take('a'), take('b')], [true, true, false, true]);
  counts.release('a');
  assert.equal(take('a'), true);
  for (const key of ['a', 'a', 'b']) counts.release(key);
  assert.equal(counts.size, 0);
});

const bounds: readonly [number, number, number][] = [
  [20_000, Infinity, 20_000],
  [20_000, 524_240, 20_000],
  [20_000, 464, 232],
  [100, 464, 100],
  [20_000, 1, 1],
];
for (const [configured, withinFds, max] of bounds) {
  test(`${configured} configured, ${withinFds} within open files: an address gets ${max}, a trusted one all that is configured`, () => {
    const found = addressBounds(configured, withinFds, nobody);
    assert.deepEqual([found.max, found.trustedMax], [max, configured]);
  });
}

test('a trusted address, mapped into IPv6 or not, has a bound of its own', () => {
  const isTrusted = (address: string): boolean => address === '192.0.2.1';
  const counts = new AddressCounts({ max: 1, trustedMax: 3, isTrusted });
  const taken = (address: string): boolean[] =>
    Array.from({ length: 4 }, () => counts.take(address.slice(-9), address));
  assert.deepEqual(taken('::ffff:192.0.2.1'), [true, true, true, false]);
  assert.deepEqual(taken('192.0.2.2'), [true, false, false, false]);
});
