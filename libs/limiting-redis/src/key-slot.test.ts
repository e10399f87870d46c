import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keySlot } from './key-slot.ts';

test('slots are those of the Redis Cluster specification', () => {
  for (const [key, slot] of [
    ['123456789', 0x31c3], // the check value of CRC-16/XMODEM
    ['foo', 12_182],
    ['', 0],
    ['{foo}:bar', 12_182],
    ['x{foo}{bar}', 12_182],
    ['{}foo', 9500],
    ['foo{', 7673],
  ] as const) {
    assert.equal(keySlot(key), slot, key);
  }
});

test('a tenant tag and all keys that begin with it share a slot', () => {
  assert.equal(keySlot('hg:{t:acme}'), keySlot('hg:{t:acme}:w:t::sec:1000'));
  assert.equal(keySlot('hg:{t:ä%}'), keySlot('hg:{t:ä%}:x'));
});
