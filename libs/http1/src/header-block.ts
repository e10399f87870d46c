import { SP, equalsLower } from './bytes.ts';
import { nameKeyOf } from './name-table.ts';

/** Integers per header in {@link HeaderBlock.slots}. */
export const SLOT_SIZE = 6;
/** First byte of the name, which is also the first byte of the line. */
export const SLOT_NAME_START = 0;
export const SLOT_NAME_END = 1;
/** The value without the white space around it. */
export const SLOT_VALUE_START = 2;
export const SLOT_VALUE_END = 3;
/** One of the `KIND_` constants. */
export const SLOT_KIND = 4;
/** Bucket of the name, see `nameKey`. */
export const SLOT_KEY = 5;

const HEADERS_AT_FIRST = 20;

/**
 * The headers of one head, as offsets into its text. Reused from head to head; what it returns as
 * strings stays valid, the block itself only until the parser's next `reset()`.
 */
export class HeaderBlock {
  /** The whole head as latin1, the final CRLF CRLF included. Empty until the head is complete. */
  text = '';
  /** Number of header lines. */
  headerCount = 0;
  /** Offset of the first header line: what precedes it is the start line. */
  fieldsStart = 0;
  /** Offset of the empty line that ends the head. */
  fieldsEnd = 0;
  /**
   * Index of the Content-Length whose line can go on as it is: one space, no zeros in front. -1 if there is none, or if it
   * has to be written anew. For the codec's own use.
   */
  plainLength = -1;
  /** Offsets and classes, {@link SLOT_SIZE} integers a header. Grows; for the codec's own use. */
  slots = new Int32Array(HEADERS_AT_FIRST * SLOT_SIZE);
  /**
   * A bit for each bucket of the names, 32 for all buckets: most names that the edge asks for are
   * absent, and most of these are told by their bit (six look-ups: 120 → 83 ns).
   */
  #present = 0;

  /**
   * Index of the first header with this name (lower-case ASCII), -1 if there is none.
   * @hot
   */
  indexOf(lowerName: string): number {
    return this.#indexFrom(lowerName, nameKeyOf(lowerName), 0);
  }

  /** Name of header `i` as sent; '' when `i` is not in `[0, headerCount)`. */
  name(i: number): string {
    if (i < 0 || i >= this.headerCount) return '';
    return this.text.substring(this.slot(i, SLOT_NAME_START), this.slot(i, SLOT_NAME_END));
  }

  /** Value of header `i` without surrounding white space; '' when `i` is out of range. */
  value(i: number): string {
    if (i < 0 || i >= this.headerCount) return '';
    return this.text.substring(this.slot(i, SLOT_VALUE_START), this.slot(i, SLOT_VALUE_END));
  }

  /** Value of the first header with this name (lower-case ASCII), null if there is none. */
  get(lowerName: string): string | null {
    const index = this.indexOf(lowerName);
    return index === -1 ? null : this.value(index);
  }

  /** How many headers have this name (lower-case ASCII). */
  count(lowerName: string): number {
    const key = nameKeyOf(lowerName);
    let count = 0;
    for (let i = this.#indexFrom(lowerName, key, 0); i !== -1; count++) {
      i = this.#indexFrom(lowerName, key, i + 1);
    }
    return count;
  }

  /**
   * One integer of a header's slot. For the codec's own use.
   * @hot
   */
  slot(i: number, field: number): number {
    return this.slots[i * SLOT_SIZE + field] ?? 0;
  }

  /**
   * Starts the slot of the next header. For the codec's own use.
   * @hot
   */
  addName(start: number, end: number, kind: number, key: number): void {
    const at = this.headerCount * SLOT_SIZE;
    if (at === this.slots.length) this.#grow();
    const slots = this.slots;
    slots[at + SLOT_NAME_START] = start;
    slots[at + SLOT_NAME_END] = end;
    slots[at + SLOT_KIND] = kind;
    slots[at + SLOT_KEY] = key;
    this.#present |= presenceBit(key);
    this.headerCount++;
  }

  /** Offset of the last header's value so far. For the codec's own use. */
  get lastValueStart(): number {
    return this.slot(this.headerCount - 1, SLOT_VALUE_START);
  }

  /**
   * Where the last header's value begins. For the codec's own use.
   * @hot
   */
  setValueStart(start: number): void {
    this.slots[(this.headerCount - 1) * SLOT_SIZE + SLOT_VALUE_START] = start;
  }

  /**
   * Where it ends. For the codec's own use.
   * @hot
   */
  setValueEnd(end: number): void {
    this.slots[(this.headerCount - 1) * SLOT_SIZE + SLOT_VALUE_END] = end;
  }

  /** Forgets all headers. For the codec's own use. */
  clearHeaders(): void {
    this.text = '';
    this.headerCount = 0;
    this.#present = 0;
    this.fieldsStart = 0;
    this.fieldsEnd = 0;
    this.plainLength = -1;
  }

  /**
   * Whether the value of header `i` has exactly one space before it and nothing behind it, and is `length` characters long.
   * For the codec's own use.
   * @hot
   */
  isPlainLine(i: number, length: number): boolean {
    const start = this.slot(i, SLOT_VALUE_START);
    const next = i + 1 < this.headerCount ? this.slot(i + 1, SLOT_NAME_START) : this.fieldsEnd;
    return (
      this.slot(i, SLOT_NAME_END) + 2 === start &&
      start + length + 2 === next &&
      this.slot(i, SLOT_VALUE_END) === start + length &&
      this.text.charCodeAt(start - 1) === SP
    );
  }

  #indexFrom(lowerName: string, key: number, from: number): number {
    if ((this.#present & presenceBit(key)) === 0) return -1;
    for (let i = from; i < this.headerCount; i++) {
      if (this.slot(i, SLOT_KEY) !== key) continue;
      const start = this.slot(i, SLOT_NAME_START);
      if (equalsLower(this.text, start, this.slot(i, SLOT_NAME_END), lowerName)) return i;
    }
    return -1;
  }

  #grow(): void {
    const larger = new Int32Array(this.slots.length * 2);
    larger.set(this.slots);
    this.slots = larger;
  }
}

/** Of a bucket: both its halves, length and first letter, count. */
function presenceBit(key: number): number {
  return 1 << ((key ^ (key >>> 5)) & 31);
}
