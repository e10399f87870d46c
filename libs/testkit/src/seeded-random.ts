import type { Random } from '@headgate/runtime';

/**
 * Creates a repeatable source of numbers: equal seeds give equal sequences.
 * The generator is mulberry32 (period 2^32, passes gjrand); not for statistics at scale.
 *
 * @param seed any number; only its lowest 32 bits count.
 */
export function createSeededRandom(seed: number): Random {
  let state = seed | 0;
  return {
    next() {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    },
  };
}
