import { FOLDED, LOWER } from './bytes.ts';

/** Keys are below this: six bits of the length, five of the first character. */
const KEYS = 2048;

/**
 * Bucket of a header name: its length and its first letter without case. Two names with different
 * keys differ, so most headers are told from all names of a table by one array load.
 * @hot
 */
export function nameKey(length: number, firstByte: number): number {
  return ((length & 63) << 5) | (firstByte & 31);
}

/** Key of a whole name, see {@link nameKey}. */
export function nameKeyOf(name: string): number {
  return name.length === 0 ? 0 : nameKey(name.length, name.charCodeAt(0));
}

/**
 * A fixed list of header names that finds a name in bytes or text without allocating.
 *
 *     key ──► #first ──► index ──► #next ──► index ──► 0     (indices count from 1)
 */
export class NameTable {
  readonly #first = new Uint8Array(KEYS);
  readonly #next: Uint8Array;
  readonly #names: readonly Uint8Array[];

  /** At most 255 names in lower-case ASCII, each once. Throws on anything else: that is a bug. */
  constructor(lowerNames: readonly string[]) {
    if (lowerNames.length > 255) throw new RangeError('a name table holds at most 255 names');
    this.#names = lowerNames.map((name) => {
      if (name === '' || name !== name.toLowerCase()) throw new Error(`bad header name "${name}"`);
      return Uint8Array.from(name, (character) => character.charCodeAt(0));
    });
    this.#next = new Uint8Array(lowerNames.length + 1);
    for (const [index, name] of lowerNames.entries()) {
      const key = nameKeyOf(name);
      this.#next[index + 1] = this.#first[key] ?? 0;
      this.#first[key] = index + 1;
    }
  }

  /**
   * Position in the list, from 1, of the name in `bytes[start, start + length)`; 0 if absent.
   * @hot
   */
  findInBytes(bytes: Uint8Array, start: number, length: number, key: number): number {
    let index = this.#first[key] ?? 0;
    while (index !== 0) {
      const name = this.#names[index - 1];
      if (name !== undefined && name.length === length) {
        let i = 0;
        while (i < length && LOWER[bytes[start + i] ?? 0] === name[i]) i++;
        if (i === length) return index;
      }
      index = this.#next[index] ?? 0;
    }
    return 0;
  }

  /**
   * The same for `text[start, start + length)`, which holds latin1 only, with `_` taken for `-`.
   * @hot
   */
  findInText(text: string, start: number, length: number, key: number): number {
    let index = this.#first[key] ?? 0;
    while (index !== 0) {
      const name = this.#names[index - 1];
      if (name !== undefined && name.length === length) {
        let i = 0;
        while (i < length && FOLDED[text.charCodeAt(start + i)] === name[i]) i++;
        if (i === length) return index;
      }
      index = this.#next[index] ?? 0;
    }
    return 0;
  }
}
