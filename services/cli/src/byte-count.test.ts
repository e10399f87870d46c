import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatBytes } from './byte-count.ts';

for (const [bytes, text] of [
  [0, '0 B'],
  [640, '640 B'],
  [999, '999 B'],
  [1000, '1 kB'],
  [65_536, '65.5 kB'],
  [999_400, '999 kB'],
  [999_600, '1 MB'],
  [50_000_000, '50 MB'],
  [1_234_567_890, '1.23 GB'],
  [2 ** 50, '1.13 PB'],
] as const) {
  test(`${bytes} bytes are ${text}`, () => assert.equal(formatBytes(bytes), text));
}
