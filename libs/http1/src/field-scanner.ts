import { COLON, CR, FIELD_VALUE, HTAB, LF, SP, TOKEN, UNDERSCORE } from './bytes.ts';
import { HTTP1_FAULTS } from './faults.ts';
import type { Http1Fault } from './faults.ts';
import type { HeaderBlock } from './header-block.ts';
import { headerKind, isUnderscoreAlias } from './header-names.ts';
import type { Http1Limits } from './limits.ts';
import { nameKey } from './name-table.ts';

/** Result of a scan that needs more bytes. */
export const SCAN_MORE = 0;
/** Result of a scan that met a fault. */
export const SCAN_FAULT = -1;

/** `tchar` without `_`: a loop over names stops there, see `#underscored`. */
const NAME = TOKEN.map((member, byte) => (byte === UNDERSCORE ? 0 : member));

const AT_NAME = 0;
const AT_VALUE_START = 1;
const AT_VALUE = 2;
const AT_VALUE_LF = 3;
const AT_END_LF = 4;

/**
 * Header lines, byte by byte and resumable: every byte is looked at once however the head is cut,
 * and a fault depends only on the bytes up to it, so the cut cannot change the verdict. It knows
 * lines, names and bytes (RFC 9112 sections 2.2 and 5); what headers mean is read afterwards.
 *
 * Positions in the block and in `lineStart` are relative to the head, those in loops absolute.
 */
export class FieldScanner {
  fault: Http1Fault | null = null;
  readonly #block: HeaderBlock;
  readonly #limits: Http1Limits;
  /** A response: only aliases of framing names are refused. */
  readonly #framingAliasesOnly: boolean;
  #state = AT_NAME;
  #lineStart = 0;
  /** The name being read contains `_`, which few do and which costs a closer look. */
  #underscored = false;

  constructor(block: HeaderBlock, limits: Http1Limits, framingAliasesOnly: boolean) {
    this.#block = block;
    this.#limits = limits;
    this.#framingAliasesOnly = framingAliasesOnly;
  }

  /** Starts at the first header line, `fieldsStart` bytes into the head. */
  start(fieldsStart: number): void {
    this.fault = null;
    this.#state = AT_NAME;
    this.#lineStart = fieldsStart;
    this.#underscored = false;
    this.#block.fieldsStart = fieldsStart;
  }

  /**
   * Goes on at `bytes[position, limit)`; the head starts at `bytes[base]`. Returns the position
   * behind the head's last byte, {@link SCAN_MORE} (all bytes up to `limit` are taken) or
   * {@link SCAN_FAULT}.
   * @hot
   */
  scan(bytes: Uint8Array, base: number, position: number, limit: number): number {
    const block = this.#block;
    let state = this.#state;
    let at = position;
    for (;;) {
      if (state === AT_NAME) {
        while (at < limit && NAME[bytes[at] ?? 0] === 1) at++;
        const fault = this.#checkName(bytes, base, at, limit);
        if (fault !== null) return this.#fail(fault);
        if (at === limit) return this.#pause(AT_NAME);
        const byte = bytes[at] ?? 0;
        at++;
        if (byte === UNDERSCORE) {
          this.#underscored = true;
          continue;
        }
        state = byte === CR ? AT_END_LF : AT_VALUE_START;
      }
      if (at === limit) return this.#pause(state);
      if (state === AT_END_LF) {
        if (bytes[at] !== LF) return this.#fail(HTTP1_FAULTS.HG_HTTP_BARE_CR);
        block.fieldsEnd = at - 1 - base;
        return at + 1;
      }
      if (state === AT_VALUE_START) {
        while (at < limit && (bytes[at] === SP || bytes[at] === HTAB)) at++;
        if (at === limit) return this.#pause(state);
        block.setValueStart(at - base);
        state = AT_VALUE;
      }
      if (state === AT_VALUE) {
        while (at < limit && FIELD_VALUE[bytes[at] ?? 0] === 1) at++;
        if (at === limit) return this.#pause(state);
        if (bytes[at] !== CR) return this.#fail(valueFault(bytes[at] ?? 0));
        block.setValueEnd(endWithoutSpace(bytes, base + block.lastValueStart, at) - base);
        at++;
        state = AT_VALUE_LF;
        if (at === limit) return this.#pause(state);
      }
      if (bytes[at] !== LF) return this.#fail(HTTP1_FAULTS.HG_HTTP_BARE_CR);
      at++;
      this.#lineStart = at - base;
      state = AT_NAME;
    }
  }

  /**
   * Judges a run of name bytes that ended at `at`, and keeps the name if a colon ended it. Null
   * also when the bytes, the head or only the run (at an underscore) ended there.
   * @hot
   */
  #checkName(bytes: Uint8Array, base: number, at: number, limit: number): Http1Fault | null {
    const start = base + this.#lineStart;
    const length = at - start;
    if (length > this.#limits.headerNameBytesMax) return HTTP1_FAULTS.HG_HTTP_NAME_TOO_LONG;
    if (at === limit) return null;
    const byte = bytes[at] ?? 0;
    if (byte !== COLON || length === 0) {
      const legal = byte === UNDERSCORE || (byte === CR && length === 0);
      return legal ? null : nameFault(byte, length);
    }
    if (this.#block.headerCount === this.#limits.headerCountMax) {
      return HTTP1_FAULTS.HG_HTTP_HEADERS_TOO_MANY;
    }
    if (this.#underscored) {
      this.#underscored = false;
      const alias = isUnderscoreAlias(bytes, start, at, this.#framingAliasesOnly);
      if (alias) return HTTP1_FAULTS.HG_HTTP_NAME_ALIAS;
    }
    const key = nameKey(length, bytes[start] ?? 0);
    const kind = headerKind(bytes, start, length, key);
    this.#block.addName(this.#lineStart, at - base, kind, key);
    return null;
  }

  #pause(state: number): number {
    this.#state = state;
    return SCAN_MORE;
  }

  #fail(fault: Http1Fault): number {
    this.fault = fault;
    return SCAN_FAULT;
  }
}

/**
 * Trailing white space is no part of a value (RFC 9112 section 5).
 * @hot
 */
function endWithoutSpace(bytes: Uint8Array, start: number, end: number): number {
  let at = end;
  while (at > start && (bytes[at - 1] === SP || bytes[at - 1] === HTAB)) at--;
  return at;
}

function nameFault(byte: number, length: number): Http1Fault {
  if (byte === SP || byte === HTAB) {
    return length === 0 ? HTTP1_FAULTS.HG_HTTP_FOLDED : HTTP1_FAULTS.HG_HTTP_NAME_SPACE;
  }
  if (byte === LF) return HTTP1_FAULTS.HG_HTTP_BARE_LF;
  return HTTP1_FAULTS.HG_HTTP_NAME_INVALID;
}

function valueFault(byte: number): Http1Fault {
  return byte === LF ? HTTP1_FAULTS.HG_HTTP_BARE_LF : HTTP1_FAULTS.HG_HTTP_VALUE_INVALID;
}
