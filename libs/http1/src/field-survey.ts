import { COMMA, HTAB, LOWER, SP, equalsLower } from './bytes.ts';
import type { HeaderBlock } from './header-block.ts';
import {
  SLOT_KEY,
  SLOT_KIND,
  SLOT_NAME_END,
  SLOT_NAME_START,
  SLOT_SIZE,
  SLOT_VALUE_END,
  SLOT_VALUE_START,
} from './header-block.ts';
import {
  KIND_CONNECTION,
  KIND_CONTENT_LENGTH,
  KIND_EXPECT,
  KIND_HOST,
  KIND_NOMINATED,
  KIND_OTHER,
  KIND_TRANSFER_ENCODING,
  KIND_UPGRADE,
} from './header-names.ts';
import { CONNECTION_OPTIONS_MAX } from './limits.ts';
import { nameKey } from './name-table.ts';

const KEEP_ALIVE = 'keep-alive';

/**
 * One walk over the headers of a complete head that finds those with a meaning to the codec: how
 * often each occurs, where it last occurs, and which options Connection names. One per parser,
 * reused.
 */
export class FieldSurvey {
  hostCount = 0;
  host = -1;
  contentLengthCount = 0;
  contentLength = -1;
  transferEncodingCount = 0;
  transferEncoding = -1;
  upgradeCount = 0;
  upgrade = -1;
  expectContinue = false;
  /** There is an Expect header that says anything but `100-continue`. */
  expectOther = false;
  optionCount = 0;
  optionClose = false;
  optionKeepAlive = false;
  optionUpgrade = false;

  /**
   * Reads `block` anew, and marks the headers that Connection nominates as hop-by-hop.
   * @hot
   */
  read(block: HeaderBlock): void {
    this.#clear();
    const count = block.headerCount;
    for (let i = 0; i < count; i++) {
      const kind = block.slot(i, SLOT_KIND);
      if (kind === KIND_OTHER) continue;
      if (kind === KIND_HOST) {
        this.hostCount++;
        this.host = i;
      } else if (kind === KIND_CONTENT_LENGTH) {
        this.contentLengthCount++;
        this.contentLength = i;
      } else if (kind === KIND_TRANSFER_ENCODING) {
        this.transferEncodingCount++;
        this.transferEncoding = i;
      } else if (kind === KIND_CONNECTION) {
        this.#readOptions(block, i);
      } else if (kind === KIND_UPGRADE) {
        this.upgradeCount++;
        this.upgrade = i;
      } else if (kind === KIND_EXPECT) {
        const start = block.slot(i, SLOT_VALUE_START);
        const end = block.slot(i, SLOT_VALUE_END);
        if (equalsLower(block.text, start, end, '100-continue')) this.expectContinue = true;
        else this.expectOther = true;
      }
    }
  }

  /** Whether there are so many Connection options that not all of them were looked at. */
  get tooManyOptions(): boolean {
    return this.optionCount > CONNECTION_OPTIONS_MAX;
  }

  #clear(): void {
    this.hostCount = 0;
    this.host = -1;
    this.contentLengthCount = 0;
    this.contentLength = -1;
    this.transferEncodingCount = 0;
    this.transferEncoding = -1;
    this.upgradeCount = 0;
    this.upgrade = -1;
    this.expectContinue = false;
    this.expectOther = false;
    this.optionCount = 0;
    this.optionClose = false;
    this.optionKeepAlive = false;
    this.optionUpgrade = false;
  }

  /** Splits a Connection value at its commas; empty elements are legal (RFC 9110 section 5.6.1). */
  #readOptions(block: HeaderBlock, header: number): void {
    const text = block.text;
    const valueEnd = block.slot(header, SLOT_VALUE_END);
    let at = block.slot(header, SLOT_VALUE_START);
    // Most often it is just this, in this case; the check saves 60 ns of the list's 100.
    if (valueEnd - at === KEEP_ALIVE.length && text.startsWith(KEEP_ALIVE, at)) {
      this.optionCount++;
      this.optionKeepAlive = true;
      return;
    }
    while (at < valueEnd) {
      while (at < valueEnd && isListSpace(text.charCodeAt(at))) at++;
      const start = at;
      while (at < valueEnd && text.charCodeAt(at) !== COMMA) at++;
      let end = at;
      while (end > start && isListSpace(text.charCodeAt(end - 1))) end--;
      if (end === start) continue;
      this.optionCount++;
      if (this.optionCount > CONNECTION_OPTIONS_MAX) return;
      this.#readOption(block, start, end);
    }
  }

  #readOption(block: HeaderBlock, start: number, end: number): void {
    const text = block.text;
    if (equalsLower(text, start, end, KEEP_ALIVE)) this.optionKeepAlive = true;
    else if (equalsLower(text, start, end, 'close')) this.optionClose = true;
    else if (equalsLower(text, start, end, 'upgrade')) this.optionUpgrade = true;
    else nominate(block, start, end);
  }
}

/** Marks every header named by `text[start, end)` unless its kind already decides its fate. */
function nominate(block: HeaderBlock, start: number, end: number): void {
  const text = block.text;
  const key = nameKey(end - start, text.charCodeAt(start));
  for (let i = 0; i < block.headerCount; i++) {
    if (block.slot(i, SLOT_KEY) !== key || block.slot(i, SLOT_KIND) !== KIND_OTHER) continue;
    const nameStart = block.slot(i, SLOT_NAME_START);
    const length = block.slot(i, SLOT_NAME_END) - nameStart;
    if (length !== end - start) continue;
    let same = 0;
    while (same < length && sameLetter(text, nameStart + same, start + same)) same++;
    if (same === length) block.slots[i * SLOT_SIZE + SLOT_KIND] = KIND_NOMINATED;
  }
}

function sameLetter(text: string, a: number, b: number): boolean {
  return LOWER[text.charCodeAt(a)] === LOWER[text.charCodeAt(b)];
}

function isListSpace(byte: number): boolean {
  return byte === SP || byte === HTAB || byte === COMMA;
}
