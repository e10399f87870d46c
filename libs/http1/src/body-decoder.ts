import {
  BACKSLASH,
  COLON,
  CR,
  EQUALS,
  FIELD_VALUE,
  HEX_VALUE,
  LF,
  QUOTE,
  QUOTED_TEXT,
  SEMICOLON,
  TOKEN,
} from './bytes.ts';
import { HTTP1_FAULTS } from './faults.ts';
import type { Http1Fault } from './faults.ts';
import { FRAMING_CHUNKED, FRAMING_CLOSE, FRAMING_LENGTH, FRAMING_NONE } from './framing.ts';
import type { Framing } from './framing.ts';
import { CHUNK_EXTENSION_EXCESS_BYTES_MAX, DEFAULT_HTTP1_LIMITS } from './limits.ts';
import type { Http1Limits } from './limits.ts';

/** The slice is used up; more bytes are needed. */
export const BODY_NEED_MORE = 0;
/** `[dataStart, dataEnd)` of the slice is body data. */
export const BODY_DATA = 1;
/** The body is complete; `position` is the first byte behind it. */
export const BODY_END = 2;
/** The body is malformed, see `fault`; the connection must be closed. */
export const BODY_FAULT = -1;

// States in which body data is due, then those of the chunked coding in the order of its grammar.
const AT_LENGTH_DATA = 0;
const AT_CLOSE_DATA = 1;
const AT_END = 2;
const AT_FAULT = 3;
const AT_CHUNK_DATA = 4;
const AT_SIZE_FIRST = 5;
const AT_SIZE = 6;
const AT_EXTENSION_NAME_FIRST = 7;
const AT_EXTENSION_NAME = 8;
const AT_EXTENSION_VALUE_FIRST = 9;
const AT_EXTENSION_VALUE = 10;
const AT_QUOTED = 11;
const AT_QUOTED_ESCAPE = 12;
const AT_QUOTED_END = 13;
const AT_SIZE_LF = 14;
const AT_DATA_CR = 15;
const AT_DATA_LF = 16;
const AT_TRAILER_FIRST = 17;
const AT_TRAILER_NAME = 18;
const AT_TRAILER_VALUE = 19;
const AT_TRAILER_LF = 20;
const AT_LAST_LF = 21;

/**
 * Finds the end of a body and, in the chunked coding, the data within it (RFC 9112 sections 6 and
 * 7). Copies nothing and keeps no bytes: data is reported as ranges of the caller's slice. Chunk
 * extensions and trailers are checked strictly, bounded and dropped. White space around a chunk
 * size and inside extensions, a relic the RFC calls bad, is refused.
 */
export class BodyDecoder {
  /** After `BODY_DATA`: the data in the chunk passed in. */
  dataStart = 0;
  dataEnd = 0;
  /** Where the next call goes on in the same chunk. */
  position = 0;
  fault: Http1Fault | null = null;
  /** Body data reported so far, in bytes, framing not counted. */
  bytesDecoded = 0;
  readonly #limits: Http1Limits;
  #state = AT_END;
  /** Data still due: of the body (length) or of the chunk. */
  #remaining = 0;
  #lineBytes = 0;
  #nameBytes = 0;
  #extensionBytes = 0;
  #trailerBytes = 0;

  constructor(limits: Http1Limits = DEFAULT_HTTP1_LIMITS) {
    this.#limits = limits;
  }

  /** Starts a body; `contentLength` counts with `FRAMING_LENGTH` only. */
  reset(framing: Framing, contentLength: number): void {
    this.fault = null;
    this.bytesDecoded = 0;
    this.dataStart = 0;
    this.dataEnd = 0;
    this.position = 0;
    this.#remaining = framing === FRAMING_LENGTH ? contentLength : 0;
    this.#lineBytes = 0;
    this.#nameBytes = 0;
    this.#extensionBytes = 0;
    this.#trailerBytes = 0;
    this.#state = firstState(framing, contentLength);
  }

  /**
   * One event of `chunk[start, end)`, a `BODY_` constant; go on at `position` until the answer is
   * not `BODY_DATA`. An empty slice is allowed, and a complete body answers `BODY_END` to it.
   * @hot
   */
  next(chunk: Uint8Array, start: number, end: number): number {
    let at = start;
    while (this.#state > AT_CHUNK_DATA) {
      if (at === end) {
        this.position = at;
        return BODY_NEED_MORE;
      }
      this.#step(chunk[at] ?? 0);
      at++;
    }
    this.position = at;
    if (this.#state === AT_END) return BODY_END;
    if (this.#state === AT_FAULT) return BODY_FAULT;
    return this.#takeData(at, end);
  }

  /**
   * The connection ended. True when the body is complete with that, false when it was cut short: a
   * truncated body must not look whole to the receiver (RFC 9112 section 8).
   */
  finish(): boolean {
    return this.#state === AT_END || this.#state === AT_CLOSE_DATA;
  }

  /** @hot */
  #takeData(start: number, end: number): number {
    if (start === end) return BODY_NEED_MORE;
    let dataEnd = end;
    if (this.#state !== AT_CLOSE_DATA) {
      if (end - start > this.#remaining) dataEnd = start + this.#remaining;
      this.#remaining -= dataEnd - start;
      if (this.#remaining === 0) {
        this.#state = this.#state === AT_CHUNK_DATA ? AT_DATA_CR : AT_END;
      }
    }
    this.bytesDecoded += dataEnd - start;
    this.dataStart = start;
    this.dataEnd = dataEnd;
    this.position = dataEnd;
    return BODY_DATA;
  }

  /**
   * One byte of the chunked coding that is not data.
   * @hot
   */
  #step(byte: number): void {
    const state = this.#state;
    if (state <= AT_SIZE_LF) this.#stepSizeLine(state, byte);
    else if (state === AT_DATA_CR) this.#expect(byte, CR, AT_DATA_LF);
    else if (state === AT_DATA_LF) this.#expect(byte, LF, AT_SIZE_FIRST);
    else this.#stepTrailer(state, byte);
  }

  /** @hot */
  #stepSizeLine(state: number, byte: number): void {
    if (state === AT_SIZE_FIRST) {
      this.#lineBytes = 0;
      this.#remaining = 0;
    }
    if (byte !== CR && state !== AT_SIZE_LF) {
      this.#lineBytes++;
      if (this.#lineBytes > this.#limits.chunkLineBytesMax) {
        return this.#fail(HTTP1_FAULTS.HG_HTTP_CHUNK_LINE_TOO_LONG);
      }
    }
    if (state <= AT_SIZE) this.#stepSize(state, byte);
    else if (state === AT_SIZE_LF) this.#endSizeLine(byte);
    else this.#stepExtension(state, byte);
  }

  /** Hexadecimal digits and nothing else: no sign, no `0x`, no space (RFC 9112 section 7.1). */
  #stepSize(state: number, byte: number): void {
    const digit = HEX_VALUE[byte] ?? -1;
    if (digit >= 0) {
      this.#remaining = this.#remaining * 16 + digit;
      if (this.#remaining > Number.MAX_SAFE_INTEGER) this.#fail(HTTP1_FAULTS.HG_HTTP_CHUNK_SIZE);
      else this.#state = AT_SIZE;
    } else if (state === AT_SIZE && byte === CR) this.#state = AT_SIZE_LF;
    else if (state === AT_SIZE && byte === SEMICOLON) this.#state = AT_EXTENSION_NAME_FIRST;
    else this.#fail(byte === LF ? HTTP1_FAULTS.HG_HTTP_BARE_LF : HTTP1_FAULTS.HG_HTTP_CHUNK_SIZE);
  }

  #endSizeLine(byte: number): void {
    if (byte !== LF) return this.#fail(HTTP1_FAULTS.HG_HTTP_BARE_CR);
    if (this.#extensionBytes > CHUNK_EXTENSION_EXCESS_BYTES_MAX + this.bytesDecoded) {
      return this.#fail(HTTP1_FAULTS.HG_HTTP_CHUNK_LINE_TOO_LONG);
    }
    this.#state = this.#remaining === 0 ? AT_TRAILER_FIRST : AT_CHUNK_DATA;
  }

  /** `;` name [ `=` ( token / quoted-string ) ], repeated (RFC 9112 section 7.1.1). */
  #stepExtension(state: number, byte: number): void {
    this.#extensionBytes++;
    const token = TOKEN[byte] === 1;
    switch (state) {
      case AT_EXTENSION_NAME_FIRST:
      case AT_EXTENSION_NAME:
        if (token) this.#state = AT_EXTENSION_NAME;
        else if (state === AT_EXTENSION_NAME && byte === EQUALS) {
          this.#state = AT_EXTENSION_VALUE_FIRST;
        } else this.#endExtension(state === AT_EXTENSION_NAME, byte);
        return;
      case AT_EXTENSION_VALUE_FIRST:
      case AT_EXTENSION_VALUE:
        if (token) this.#state = AT_EXTENSION_VALUE;
        else if (state === AT_EXTENSION_VALUE_FIRST && byte === QUOTE) this.#state = AT_QUOTED;
        else this.#endExtension(state === AT_EXTENSION_VALUE, byte);
        return;
      case AT_QUOTED:
        if (byte === QUOTE) this.#state = AT_QUOTED_END;
        else if (byte === BACKSLASH) this.#state = AT_QUOTED_ESCAPE;
        else if (QUOTED_TEXT[byte] !== 1) this.#endExtension(false, byte);
        return;
      case AT_QUOTED_ESCAPE:
        if (FIELD_VALUE[byte] === 1) this.#state = AT_QUOTED;
        else this.#endExtension(false, byte);
        return;
      default:
        this.#endExtension(true, byte);
    }
  }

  /** A byte that is no part of an extension; `complete` says whether the extension may end here. */
  #endExtension(complete: boolean, byte: number): void {
    if (complete && byte === SEMICOLON) this.#state = AT_EXTENSION_NAME_FIRST;
    else if (complete && byte === CR) this.#state = AT_SIZE_LF;
    else if (byte === LF) this.#fail(HTTP1_FAULTS.HG_HTTP_BARE_LF);
    else this.#fail(HTTP1_FAULTS.HG_HTTP_CHUNK_EXTENSION);
  }

  /** Field lines under the rules of a head (RFC 9112 section 7.1.2). */
  #stepTrailer(state: number, byte: number): void {
    if (state === AT_LAST_LF) return this.#expect(byte, LF, AT_END);
    if (state === AT_TRAILER_FIRST) {
      this.#nameBytes = 0;
      if (byte === CR) {
        this.#state = AT_LAST_LF;
        return;
      }
    }
    this.#trailerBytes++;
    if (this.#trailerBytes > this.#limits.trailerBytesMax) {
      return this.#fail(HTTP1_FAULTS.HG_HTTP_TRAILER_TOO_LARGE);
    }
    if (state === AT_TRAILER_LF) return this.#expect(byte, LF, AT_TRAILER_FIRST);
    if (state === AT_TRAILER_VALUE) {
      if (byte === CR) this.#state = AT_TRAILER_LF;
      else if (byte === LF) this.#fail(HTTP1_FAULTS.HG_HTTP_BARE_LF);
      else if (FIELD_VALUE[byte] !== 1) this.#fail(HTTP1_FAULTS.HG_HTTP_VALUE_INVALID);
    } else this.#stepTrailerName(state, byte);
  }

  #stepTrailerName(state: number, byte: number): void {
    if (TOKEN[byte] === 1) {
      this.#nameBytes++;
      if (this.#nameBytes > this.#limits.headerNameBytesMax) {
        return this.#fail(HTTP1_FAULTS.HG_HTTP_NAME_TOO_LONG);
      }
      this.#state = AT_TRAILER_NAME;
    } else if (state === AT_TRAILER_NAME && byte === COLON) this.#state = AT_TRAILER_VALUE;
    else this.#fail(byte === LF ? HTTP1_FAULTS.HG_HTTP_BARE_LF : HTTP1_FAULTS.HG_HTTP_NAME_INVALID);
  }

  /** The two bytes that end chunk data, and every LF behind a CR, can be only one byte. */
  #expect(byte: number, expected: number, nextState: number): void {
    if (byte === expected) this.#state = nextState;
    else if (this.#state <= AT_DATA_LF) this.#fail(HTTP1_FAULTS.HG_HTTP_CHUNK_END);
    else this.#fail(HTTP1_FAULTS.HG_HTTP_BARE_CR);
  }

  #fail(fault: Http1Fault): void {
    this.fault = fault;
    this.#state = AT_FAULT;
  }
}

function firstState(framing: Framing, contentLength: number): number {
  switch (framing) {
    case FRAMING_NONE:
      return AT_END;
    case FRAMING_LENGTH:
      return contentLength === 0 ? AT_END : AT_LENGTH_DATA;
    case FRAMING_CHUNKED:
      return AT_SIZE_FIRST;
    case FRAMING_CLOSE:
      return AT_CLOSE_DATA;
  }
}
