import { NameTable, nameKeyOf } from './name-table.ts';

/**
 * Header names compiled once, at configuration time, for dropping headers while a head is written.
 * `_` counts as `-` in it: what is dropped so that nobody can forge it is dropped under its alias too.
 * Immutable; share one over all requests.
 */
export class HeaderSet {
  readonly #table: NameTable;

  /** At most 255 names in lower-case ASCII, each once; throws otherwise. */
  constructor(lowerNames: readonly string[]) {
    this.#table = new NameTable(lowerNames.map((name) => name.replaceAll('_', '-')));
  }

  /** Whether the set holds `name`, in any case. */
  has(name: string): boolean {
    return this.#table.findInText(name, 0, name.length, nameKeyOf(name)) !== 0;
  }

  /**
   * Whether the set holds the name in `text[start, start + length)`; `key` is its bucket.
   * @hot
   */
  hasRange(text: string, start: number, length: number, key: number): boolean {
    return this.#table.findInText(text, start, length, key) !== 0;
  }
}
