import { CR, FIELD_VALUE, LF, SP, isDigit, latin1Text } from './bytes.ts';
import { checkFraming, readContentLength } from './body-framing.ts';
import { HTTP1_FAULTS } from './faults.ts';
import type { Http1Fault } from './faults.ts';
import { FieldScanner, SCAN_FAULT, SCAN_MORE } from './field-scanner.ts';
import { FieldSurvey } from './field-survey.ts';
import { FRAMING_CHUNKED, FRAMING_CLOSE, FRAMING_LENGTH, FRAMING_NONE } from './framing.ts';
import { HeadBuffer } from './head-buffer.ts';
import { DEFAULT_HTTP1_LIMITS } from './limits.ts';
import type { Http1Limits } from './limits.ts';
import { ResponseHead } from './response-head.ts';
import {
  VERSION_BYTES,
  VERSION_MAJOR,
  VERSION_MINOR,
  isUsualVersion,
  isVersionByte,
  minorVersionOf,
} from './version.ts';

const AT_STATUS = 0;
const AT_REASON = 1;
const AT_REASON_LF = 2;
const AT_FIELDS = 3;
const AT_END = 4;
const AT_FAULT = 5;

const STATUS_START = VERSION_BYTES + 1;
const STATUS_END = STATUS_START + 3;

/**
 * Strict, resumable parser of response heads; one per upstream connection.
 *
 *     version, status ─► reason ─► fields ─► end        any of them ─► fault
 *
 * It refuses what {@link RequestParser} refuses: a response whose end is in doubt would let an
 * endpoint, or whoever controls a part of its output, answer somebody else's request. Any fault
 * means 502 and the end of the connection.
 */
export class ResponseParser {
  readonly head = new ResponseHead();
  fault: Http1Fault | null = null;
  readonly #limits: Http1Limits;
  readonly #fields: FieldScanner;
  readonly #survey = new FieldSurvey();
  readonly #held = new HeadBuffer();
  #state = AT_STATUS;
  /** Bytes of the head looked at so far. */
  #scanned = 0;

  constructor(limits: Http1Limits = DEFAULT_HTTP1_LIMITS) {
    this.#limits = limits;
    this.#fields = new FieldScanner(this.head, limits, true);
  }

  /** Any byte of the next head was seen. */
  get started(): boolean {
    return this.#scanned > 0 || this.#state >= AT_END;
  }

  /** Makes the parser ready for the next head, also after a 1xx; `head` loses its content. */
  reset(): void {
    this.fault = null;
    this.head.clearHeaders();
    this.#held.clear();
    this.#state = AT_STATUS;
    this.#scanned = 0;
  }

  /**
   * Takes bytes of the head from `chunk[start, end)`; `requestMethod` is the method this answers
   * and decides whether a body follows. Returns how many bytes belong to the head when it is
   * complete, 0 when more are needed (all were taken, and copied: the caller may reuse the chunk),
   * -1 on a fault, see `fault`. A 1xx head is returned like any other: reset and go on. Throws when
   * called after a head without `reset()`.
   * @hot
   */
  parse(chunk: Uint8Array, start: number, end: number, requestMethod: string): number {
    if (this.#state === AT_FAULT) return -1;
    if (this.#state === AT_END) throw new Error('parse() after a complete head needs a reset()');
    const heldBefore = this.#held.length;
    const max = this.#limits.headBytesMax;
    let length: number;
    if (heldBefore === 0) {
      length = this.#scan(chunk, start, end - start > max ? start + max : end, requestMethod);
      if (length === SCAN_MORE) this.#held.append(chunk, start, end, max);
    } else {
      this.#held.append(chunk, start, end, max);
      length = this.#scan(this.#held.bytes, 0, this.#held.length, requestMethod);
    }
    return length > 0 ? length - heldBefore : length;
  }

  /**
   * Goes on in the head that begins at `bytes[base]`. Returns its length, or a `SCAN_` result.
   * @hot
   */
  #scan(bytes: Uint8Array, base: number, limit: number, requestMethod: string): number {
    let at = base + this.#scanned;
    if (this.#state === AT_STATUS) at = this.#scanStatus(bytes, base, at, limit);
    if (this.#state === AT_REASON) at = this.#scanReason(bytes, at, limit);
    if (this.#state === AT_REASON_LF && at < limit) {
      if (bytes[at] !== LF) return this.#fail(HTTP1_FAULTS.HG_HTTP_BARE_CR);
      at++;
      this.#fields.start(at - base);
      this.#state = AT_FIELDS;
    }
    if (this.#state === AT_FIELDS) {
      const end = this.#fields.scan(bytes, base, at, limit);
      if (end === SCAN_FAULT) return this.#fail(this.#fields.fault);
      if (end !== SCAN_MORE) return this.#finish(bytes, base, end, requestMethod);
      at = limit;
    }
    if (this.#state === AT_FAULT) return SCAN_FAULT;
    this.#scanned = at - base;
    if (this.#scanned < this.#limits.headBytesMax) return SCAN_MORE;
    return this.#fail(HTTP1_FAULTS.HG_HTTP_HEAD_TOO_LARGE);
  }

  /**
   * `HTTP/1.1 200`, and the space behind it, which some servers omit along with the reason.
   * @hot
   */
  #scanStatus(bytes: Uint8Array, base: number, from: number, limit: number): number {
    let at = from;
    if (at === base && limit - at > VERSION_BYTES && isUsualVersion(bytes, at)) {
      at += VERSION_BYTES;
    }
    for (; at < limit && at - base < STATUS_END; at++) {
      const index = at - base;
      const byte = bytes[at] ?? 0;
      const good =
        index < VERSION_BYTES
          ? isVersionByte(index, byte)
          : index === VERSION_BYTES
            ? byte === SP
            : isDigit(byte);
      if (!good) {
        this.#fail(HTTP1_FAULTS.HG_HTTP_STATUS_INVALID);
        return at;
      }
    }
    if (at === limit) return at;
    const status = readStatus(bytes, base + STATUS_START);
    const minor = minorVersionOf(
      bytes[base + VERSION_MAJOR] ?? 0,
      bytes[base + VERSION_MINOR] ?? 0,
    );
    if (minor === -1) this.#fail(HTTP1_FAULTS.HG_HTTP_VERSION_UNSUPPORTED);
    else if (status < 100 || status > 599 || (bytes[at] !== SP && bytes[at] !== CR)) {
      this.#fail(HTTP1_FAULTS.HG_HTTP_STATUS_INVALID);
    } else {
      this.head.minorVersion = minor;
      this.head.status = status;
      this.#state = AT_REASON;
    }
    return at;
  }

  /** @hot */
  #scanReason(bytes: Uint8Array, from: number, limit: number): number {
    let at = from;
    while (at < limit && FIELD_VALUE[bytes[at] ?? 0] === 1) at++;
    if (at === limit) return at;
    if (bytes[at] === CR) {
      this.#state = AT_REASON_LF;
      return at + 1;
    }
    const bareLf = bytes[at] === LF;
    this.#fail(bareLf ? HTTP1_FAULTS.HG_HTTP_BARE_LF : HTTP1_FAULTS.HG_HTTP_STATUS_INVALID);
    return at;
  }

  /** @hot */
  #finish(bytes: Uint8Array, base: number, end: number, requestMethod: string): number {
    const head = this.head;
    const survey = this.#survey;
    head.text = latin1Text(bytes, base, end);
    survey.read(head);
    const modern = head.minorVersion === 1;
    // `slice`: the range is empty, not reversed, when the space is missing too.
    head.reason = head.text.slice(STATUS_END + 1, head.fieldsStart - 2);
    head.persistent = !survey.optionClose && (modern || survey.optionKeepAlive);
    const fault = this.#readFraming(requestMethod);
    if (fault !== null) return this.#fail(fault);
    const upgrades = modern && survey.optionUpgrade && survey.upgradeCount === 1;
    head.upgrade = upgrades ? head.value(survey.upgrade) : '';
    this.#state = AT_END;
    return end - base;
  }

  /** RFC 9112 section 6.3. */
  #readFraming(requestMethod: string): Http1Fault | null {
    const head = this.head;
    const survey = this.#survey;
    head.framing = FRAMING_NONE;
    head.contentLength = -1;
    if (survey.tooManyOptions) return HTTP1_FAULTS.HG_HTTP_CONNECTION_INVALID;
    const fault = checkFraming(head, survey, head.minorVersion);
    if (fault !== null) return fault;
    const chunked = survey.transferEncodingCount !== 0;
    if (survey.contentLengthCount !== 0) {
      head.contentLength = readContentLength(head, survey.contentLength);
      if (head.contentLength === -1) return HTTP1_FAULTS.HG_HTTP_LENGTH_INVALID;
    }
    if (head.status < 200) {
      // What follows would be taken for the next head: RFC 9112 section 6.3 says that it is one, but
      // a server that announces a body may well send it.
      if (chunked || head.contentLength > 0) return HTTP1_FAULTS.HG_HTTP_INTERIM_BODY;
      head.contentLength = -1;
    } else if (head.status === 204) {
      // Must not announce a body. One that does may send it too: never reuse its connection.
      if (chunked || head.contentLength > 0) head.persistent = false;
      head.contentLength = -1;
    } else if (requestMethod !== 'HEAD' && head.status !== 304) {
      if (chunked) head.framing = FRAMING_CHUNKED;
      else if (head.contentLength !== -1) head.framing = FRAMING_LENGTH;
      else {
        head.framing = FRAMING_CLOSE;
        head.persistent = false;
      }
    }
    return null;
  }

  #fail(fault: Http1Fault | null): number {
    this.fault = fault;
    this.#state = AT_FAULT;
    return SCAN_FAULT;
  }
}

/** Value of three digits. */
function readStatus(bytes: Uint8Array, at: number): number {
  const hundreds = (bytes[at] ?? 0) - 0x30;
  const tens = (bytes[at + 1] ?? 0) - 0x30;
  return hundreds * 100 + tens * 10 + (bytes[at + 2] ?? 0) - 0x30;
}
