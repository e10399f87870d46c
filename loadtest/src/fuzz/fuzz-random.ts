import { createSeededRandom } from '@headgate/testkit';

/** A list with at least one member, so that picking from it always gives one. */
export type NonEmpty<T> = readonly [T, ...T[]];

/** Seeded choices of a generator: equal seeds make equal inputs. */
export class FuzzRandom {
  readonly #source: { next(): number };

  /** @param seed its lowest 32 bits count. */
  constructor(seed: number) {
    this.#source = createSeededRandom(seed);
  }

  /** An integer in `[0, bound)`; 0 if `bound` is below 1. */
  int(bound: number): number {
    return Math.floor(this.#source.next() * Math.max(bound, 0));
  }

  /** True with this probability, 0 to 1. */
  chance(probability: number): boolean {
    return this.#source.next() < probability;
  }

  /** One of the items, each as likely as the others. */
  pick<T>(items: NonEmpty<T>): T {
    return items[this.int(items.length)] ?? items[0];
  }
}

/**
 * Seed of one input. Every input has one of its own, so that it can be made again without those before it. Mixes as
 * MurmurHash3's finaliser does: neighbours in `index` get unrelated sequences.
 */
export function inputSeed(seed: number, target: string, index: number): number {
  let mixed = seed | 0;
  for (let i = 0; i < target.length; i++)
    mixed = Math.imul(mixed ^ target.charCodeAt(i), 0x01000193);
  mixed = (mixed + Math.imul(index + 1, 0x9e3779b1)) | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
