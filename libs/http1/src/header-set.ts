import { FOLDED } from './bytes.ts';
import { NameTable, nameKeyOf } from './name-table.ts';

/** The part of a bucket that is its name's first letter. */
const FIRST_LETTER = 31;

/**
 * Header names compiled once, at configuration time, for dropping headers while a head is written.
 * `_` counts as `-` in it: what is dropped so that nobody can forge it is dropped under its alias too.
 * Immutable; share one over all requests.
 */
export class HeaderSet {
  readonly #table: NameTable;
  /** By the first letter, so that most names are told from all prefixes by one array load. */
  readonly #prefixes: readonly (readonly Uint8Array[])[];

  /**
   * At most 255 names in lower-case ASCII, each once; throws otherwise.
   *
   * @param lowerPrefixes starts of further names, in lower-case ASCII with `-`.
   */
  constructor(lowerNames: readonly string[], lowerPrefixes: readonly string[] = []) {
    this.#table = new NameTable(lowerNames.map((name) => name.replaceAll('_', '-')));
    const prefixes = lowerPrefixes.map((prefix) => new Uint8Array(Buffer.from(prefix, 'latin1')));
    this.#prefixes = Array.from({ length: FIRST_LETTER + 1 }, (_, letter) =>
      prefixes.filter(([first = 0]) => (first & FIRST_LETTER) === letter),
    );
  }

  /** Whether the set holds `name`, in any case. */
  has(name: string): boolean {
    return this.hasRange(name, 0, name.length, nameKeyOf(name));
  }

  /**
   * Whether the set holds the name in `text[start, start + length)`; `key` is its bucket.
   * @hot
   */
  hasRange(text: string, start: number, length: number, key: number): boolean {
    if (this.#table.findInText(text, start, length, key) !== 0) return true;
    const prefixes = this.#prefixes[key & FIRST_LETTER];
    return (
      prefixes !== undefined && prefixes.length > 0 && startsWithAny(prefixes, text, start, length)
    );
  }
}

/** @hot */
function startsWithAny(
  prefixes: readonly Uint8Array[],
  text: string,
  start: number,
  length: number,
): boolean {
  for (const prefix of prefixes) {
    if (prefix.length > length) continue;
    let i = 0;
    while (i < prefix.length && FOLDED[text.charCodeAt(start + i)] === prefix[i]) i++;
    if (i === prefix.length) return true;
  }
  return false;
}
