import type { Random } from '@headgate/runtime';

/** Of equal weights, which need none: typed arrays are what costs in a change of an upstream. */
const NO_SHARES = new Float64Array(0);
const NO_ALIASES = new Uint32Array(0);

/**
 * Draws indices with probability proportional to their weights, in O(1) and with one random number per draw.
 * Vose's alias method ("A Linear Algorithm for Generating Random Numbers with a Given Distribution", 1991): each
 * column of equal width holds at most two indices.
 *
 *     weights 3, 1, 2 →   | 0 0 0 | 1 1|0 | 2 2 2 |     column = ⌊u·n⌋, the rest of u·n decides within it
 */
export class WeightedDraw {
  readonly #random: Random;
  readonly #columns: number;
  /** All weights are equal: the column is the answer. */
  readonly #uniform: boolean;
  /** Part of the column that belongs to its own index. */
  readonly #ownShare: Float64Array;
  /** Whom the rest of the column belongs to. */
  readonly #alias: Uint32Array;

  /** @param weights each above 0; at least one. */
  constructor(weights: readonly number[], random: Random) {
    this.#random = random;
    this.#columns = weights.length;
    this.#uniform = weights.every((weight) => weight === weights[0]);
    this.#ownShare = this.#uniform ? NO_SHARES : new Float64Array(weights.length).fill(1);
    this.#alias = this.#uniform ? NO_ALIASES : Uint32Array.from(weights.keys());
    if (!this.#uniform) this.#fill(weights);
  }

  /** @hot */
  draw(): number {
    const position = this.#random.next() * this.#columns;
    const column = Math.floor(position);
    if (this.#uniform) return column;
    return position - column < (this.#ownShare[column] ?? 0) ? column : (this.#alias[column] ?? 0);
  }

  #fill(weights: readonly number[]): void {
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const height = weights.map((weight) => (weight * weights.length) / total);
    const below = [...height.keys()].filter((index) => (height[index] ?? 0) < 1);
    const above = [...height.keys()].filter((index) => (height[index] ?? 0) >= 1);
    for (let low = below.pop(); low !== undefined; low = below.pop()) {
      const high = above.pop();
      if (high === undefined) return; // only rounding is left; the column stays whole
      const own = height[low] ?? 0;
      this.#ownShare[low] = own;
      this.#alias[low] = high;
      const rest = (height[high] ?? 0) - (1 - own);
      height[high] = rest;
      (rest < 1 ? below : above).push(high);
    }
  }
}
